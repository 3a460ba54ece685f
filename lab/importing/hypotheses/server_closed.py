"""Explains by the server, which closed the connection: idle timeout, restart, or a reason of its own."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.breaks import Break, Kind
from lab.importing.case import Case
from lab.importing.endings import By, Ending
from lab.importing.facts import Segment
from lab.importing.flows import Flow
from lab.importing.hypothesis import Hypothesis

USUAL_S = (20, 30, 60, 65, 90, 120, 180, 300, 600, 900)
"""Idle timeouts of servers: Kamailio's 120 s, and settings of the field from 20 s (kamailio #4138, opensips #1861)."""
SHORTEST_S = 5
"""A server that waits for less ends connections in the middle of a set-up."""
SOON_S = 60
"""A connection that is refused within this time after an end was refused because of it."""
CLOSE_S = 1.2
"""A timeout of whole seconds strikes so soon after it is over."""


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanations of a connection that the server ended."""
    main = case.main
    if main is None or main.kind is not Kind.ENDED or main.ending is None or main.ending.by is not By.SERVER:
        return
    over = main.ending
    where = f"The server ended the connection ({over.how}), after {over.since_data_s:.1f} s without a byte on it."
    refused = _refused(case, main)
    again = _repeated(case, over)
    counts = _timeout(over.since_sip_s) is None or over.since_sip_s - over.since_data_s < CLOSE_S
    idle = over.since_data_s if counts else over.since_sip_s
    after = round(idle)
    if after >= SHORTEST_S:
        usual = _timeout(idle) is not None
        crlf = "" if counts else ", for which CRLF does not count,"
        yield Hypothesis(
            name="server-idle-timeout",
            cause="server-idle-timeout",
            score=0.2 if refused else 0.9 if again else 0.7 if usual else 0.3,
            at=over.t,
            within=2.0,
            text=f"{where} An idle timeout of {after} s{crlf} explains it{', and it did so again' if again else ''}.",
            server={
                "idle-timeout": {
                    "after": f"{after} s",
                    "ends-with": "rst" if over.how == "RST" else "fin",
                    **({} if counts else {"crlf-counts": False}),
                }
            },
            decide="the server's setting (Kamailio, OpenSIPS: tcp_connection_lifetime), or a second connection"
            " left idle",
        )
    yield Hypothesis(
        name="server-restart",
        cause="server-restarted",
        score=0.85 if refused else 0.35,
        at=over.t,
        within=1.0,
        text=f"{where} A restart of the server explains"
        f" it{': new connections were refused afterwards' if refused else ''}.",
        faults=({"server-restart": {"at": case.story.at(over.t)}},),
        decide="the server's log or uptime",
    )
    if over.how != "RST":
        yield Hypothesis(
            name="server-close",
            cause="server-closed-flow",
            score=0.5,
            at=over.t,
            within=1.0,
            text=f"{where} The server closed this connection for a reason of its own.",
            faults=({"server-close": {"at": case.story.at(over.t)}},),
            decide="the server's log: why it closed the connection",
        )
    if not over.sure:
        yield Hypothesis(
            name="forged",
            cause="forged-rst" if over.how == "RST" else "forged-fin",
            score=0.3,
            at=over.t,
            within=1.0,
            text=f"{where} Somebody in between may have sent it in the server's name.",
            faults=(
                {
                    "forged-segment": {
                        "at": case.story.at(over.t),
                        "node": "home-nat",
                        "flag": "rst" if over.how == "RST" else "fin",
                        "to": "client",
                    }
                },
            ),
            decide="a capture at the server: whether it sent this segment",
        )


def _timeout(idle_s: float) -> int | None:
    """Return the usual timeout that was over just before; None: none was."""
    return next((each for each in USUAL_S if 0 <= idle_s - each <= CLOSE_S), None)


def _repeated(case: Case, over: Ending) -> bool:
    """Return whether the server ended another connection after the same time."""
    others = [
        each.ending
        for each in case.breaks
        if each.ending is not None and each.ending is not over and each.ending.by is By.SERVER
    ]
    return any(abs(each.since_data_s - over.since_data_s) <= CLOSE_S for each in others)


def _refused(case: Case, main: Break) -> bool:
    """Return whether the server refused a connection soon after: RST in answer to SYN, and nothing else."""
    for flow in (*case.story.flows, *case.story.others):
        for event in flow.events:
            fact = event.fact
            answer = isinstance(fact, Segment) and not event.up and "R" in fact.flags
            if 0 <= event.t - main.bad < SOON_S and answer and not _carried(flow):
                return True
    return False


def _carried(flow: Flow) -> bool:
    """Return whether the server sent any bytes on a connection."""
    return any(isinstance(each.fact, Segment) and not each.up and each.fact.size for each in flow.events)
