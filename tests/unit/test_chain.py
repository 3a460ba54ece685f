"""The chain from a cause to the lost probe, on records written by hand: each test tells one story."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.model.fault import BlackHole, LinkDown, ServerFreeze
from lab.model.outcome import CauseFound, Outcome
from lab.model.scenario import Cell
from lab.model.when import When
from lab.report.document import document
from lab.report.explanation import explain
from lab.units import Seconds
from tests.unit.test_judge import (
    BEGUN,
    CONFIRMED,
    END,
    INSIDE,
    OUTSIDE,
    REMOTE,
    Line,
    call,
    cell,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    probe,
    sentinel,
)

AT = When(offset=50.0)


def unanswered(t: float, reason: str, *, flow: str | None = "f1") -> list[Line]:
    """A NOTIFY whose fate the server gives a reason for; only one that timed out was sent."""
    said = {"who": "server", "ev": "probe", "probe": "p1", "kind": "notify", "flow": flow}
    if reason != "timeout":
        return [{"t": t, **said, "state": "failed", "reason": reason}]
    return [{"t": t, **said, "state": "sent"}, {"t": t + 5, **said, "state": "failed", "reason": reason}]


def server_closed(t: float, reason: str) -> Line:
    return {"t": t, "who": "server", "ev": "flow", "id": "f1", "state": "closed", "peer": OUTSIDE, "reason": reason}


def notify(t: float, link: str, *, target: str = OUTSIDE, payload: int = 700) -> Line:
    return {"t": t, "who": "link", "ev": "packet", "link": link, "from": "server", "proto": "tcp", "src": REMOTE,
            "dst": target, "bytes": payload + 52, "payload": payload, "flags": "PA", "seq": 1}  # fmt: skip


def began(fault: str, t: float, **proof: Any) -> Line:
    return {"t": t, "who": "runner", "ev": "fault", "n": 0, "fault": fault, **proof}


def over(fault: str, t: float) -> Line:
    return {"t": t, "who": "runner", "ev": "fault-over", "n": 0, "fault": fault}


def told(*lines: Line, subject: Cell | None = None, met: str = "delivered") -> tuple[list[str], list[list[Line]]]:
    """The sentences of the chain, and the lines each points at."""
    record = sorted([*flow_set_up(), *sentinel(met), *lines, END], key=lambda line: float(line["t"]))
    outcome = judged(subject or cell(), *record)
    assert outcome.cause is not None, outcome.doubt
    times = [link.at_s for link in outcome.cause.chain]
    assert times == sorted(times)
    shown = [[record[number - 1] for number in link.evidence] for link in outcome.cause.chain]
    return [link.text for link in outcome.cause.chain], shown


def test_idle_timer_to_a_probe_without_a_flow() -> None:
    """The client closes, the server sees it, and has nothing left to send on; the mapping's end says nothing new."""
    closed, seen, lost = idle_timer(33.0), server_closed(33.1, "close-notify"), unanswered(45, "flow-gone")
    ended = {**forgot(43.0), "tcp_state": "CLOSE"}
    texts, shown = told(closed, seen, ended, *lost)
    assert texts == [
        "client idle timer closed the transport at 33.0 s",
        "the server's connection ended at 33.1 s: close-notify",
        "NOTIFY p1 at 45.0 s had no flow: f1 was gone",
    ]
    assert shown == [[closed], [seen], lost]


def test_forgotten_mapping_to_packets_that_went_nowhere() -> None:
    """How often the NOTIFY was sent, and the last link that saw it."""
    packets = [
        notify(100.0, "core"),
        notify(99.0, "core"),  # before the probe
        notify(100.2, "core", payload=0),  # an acknowledgement
        notify(100.2, "core"),
        notify(106.0, "core"),  # after its time
    ]
    fate = unanswered(100, "timeout")
    texts, shown = told(forgot(60), *fate, *packets, subject=cell(timeout=60), met="silent")
    assert texts[0].startswith("middlebox home-nat forgot the flow at 60.0 s")
    how_far = "2 packets with data left the server, none got beyond link core"
    assert texts[1:] == [f"NOTIFY p1 at 100.0 s was not answered by 105.0 s: {how_far}"]
    assert [(line["who"], line.get("state")) for line in shown[0]] == [  # and what it then does, as the sentinel met it
        ("middlebox", "destroyed"),
        ("sentinel", "silent"),
        ("sentinel", "silent"),
    ]
    assert sorted(line["t"] for line in shown[1]) == [100.0, 100.0, 100.2, 105.0]


def test_packets_that_reached_a_client_that_died() -> None:
    """A client that is gone gets its packets all the same."""
    died = {"t": 50.0, "who": "client", "ev": "aborted", "how": "SIGABRT", "last": "double dec_ref"}
    packets = [notify(100.1, "core"), notify(100.1, "lan", target=INSIDE)]
    texts, _ = told(died, *unanswered(100, "timeout"), *packets)
    assert texts[-1].endswith("1 packet with data left the server, 1 reached the client's link lan")


def test_probe_of_which_nothing_was_seen() -> None:
    """Silence of the captures is told, too."""
    texts, _ = told(forgot(60), *unanswered(100, "timeout"), subject=cell(timeout=60), met="silent")
    assert texts[-1].endswith("no packet with data left the server")


def test_link_that_was_down_while_the_subscription_was_due() -> None:
    """Between fault and probe: what the client tried, what the server gave up, and that the link came back."""
    subject = replace(cell(), faults=(LinkDown(at=AT, link="lan", lasts=Seconds(40)),))
    lines = [
        began("LinkDown", 50, rules=2),
        notify(55.0, "lan", target=INSIDE),
        {"t": 60.0, "who": "client", "ev": "options-answer", "code": 408, "n": 1},
        {"t": 65.0, "who": "client", "ev": "options-answer", "code": 408, "n": 2},
        {"t": 40.0, "who": "client", "ev": "options-answer", "code": 503, "n": 0},  # before the fault
        {"t": 70.0, "who": "server", "ev": "subscription", "id": "s1", "state": "expired", "flow": "f1", "expires": 0},
        {"t": 80.0, "who": "client", "ev": "subscription", "state": "terminated", "code": 408, "reason": ""},
        {"t": 85.0, "who": "client", "ev": "unanswered", "id": "tp1", "within": 10},
        over("LinkDown", 90),
        {"t": 87.0, "who": "server", "ev": "keep-alive", "kind": "options", "state": "failed", "reason": "timeout"},
        {"t": 88.0, "who": "server", "ev": "keep-alive", "kind": "options", "state": "sent", "reason": ""},
        {"t": 101.0, "who": "client", "ev": "registration", "code": 503},  # after the probe
    ]
    texts, _ = told(*lines, *unanswered(100, "no-subscription", flow=None), subject=subject, met="silent")
    assert texts == [
        "link lan went down at 50.0 s",
        "the client's OPTIONS failed at 60.0 s: 408",
        "the server's subscription ended at 70.0 s: expired",
        "the client's SUBSCRIBE failed at 80.0 s: 408",
        "the client gave up its connection at 85.0 s: no answer",
        "the server's OPTIONS failed at 87.0 s: timeout",
        "the fault was over at 90.0 s",
        "NOTIFY p1 at 100.0 s had no subscription",
    ]


def test_fault_without_duration_is_not_over() -> None:
    """What ends at once needs no second mention."""
    subject = replace(cell(), faults=(BlackHole(at=AT, node="home-nat"),))
    lines = [began("BlackHole", 50, rules=4, flow="f1"), notify(50.05, "core"), over("BlackHole", 50.1)]
    texts, _ = told(*lines, *unanswered(100, "timeout"), subject=subject)
    assert len(texts) == 2


def test_frozen_server_never_sent() -> None:
    """The runner speaks for a server that stands still."""
    subject = replace(cell(), faults=(ServerFreeze(at=AT, lasts=Seconds(55)),))
    lost = {"t": 100.0, "who": "runner", "ev": "probe", "probe": "p1", "state": "failed", "reason": "server-frozen"}
    texts, shown = told(began("ServerFreeze", 50, stopped=True), over("ServerFreeze", 105), lost, subject=subject)
    assert texts == ["the server froze at 50.0 s", "NOTIFY p1 at 100.0 s was not sent: the server stood still"]
    assert shown[1] == [lost]


@pytest.mark.parametrize("confirmed", [True, False])
def test_call(confirmed: bool) -> None:
    """Of a call its last request is the symptom, unless the client never saw it begin."""
    fate = call(*BEGUN, ("ending", 80.0), ("failed" if confirmed else "answered", 80.2))
    fate[-1]["reason"] = "Broken pipe"
    texts, _ = told(idle_timer(75), *fate, CONFIRMED if confirmed else {**CONFIRMED, "state": "connecting"})
    assert texts[-1] == (
        "BYE p1 at 80.0 s failed: Broken pipe"
        if confirmed
        else "BYE p1 at 80.0 s was answered, and the client had not seen the call begin"
    )


def test_probe_that_was_refused() -> None:
    """A client that has forgotten its subscription says so."""
    refused = {"who": "server", "ev": "probe", "probe": "p1", "kind": "notify", "flow": "f1", "state": "answered"}
    texts, _ = told(idle_timer(33), {**unanswered(100, "timeout")[0]}, {"t": 100.1, **refused, "code": 481})
    assert texts[-1] == "NOTIFY p1 at 100.0 s was refused: 481"


def test_unknown_cause_leaves_the_symptom_alone() -> None:
    """Nothing before the probe is blamed."""
    texts, _ = told(*unanswered(100, "timeout"), server_closed(104, "fin"))
    assert len(texts) == 1
    assert texts[0].startswith("NOTIFY p1 at 100.0 s was not answered")


def outcome() -> tuple[Cell, Outcome]:
    subject = cell()
    lines = [idle_timer(33.0), server_closed(33.1, "close-notify"), *unanswered(45, "flow-gone")]
    return subject, judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, END)


def test_report_carries_the_chain() -> None:
    """Machines get what people read."""
    subject, seen = outcome()
    assert isinstance(seen.cause, CauseFound)
    told = document(
        scenario=_scenario(subject), clock="virtual", backend="netns", seed=1, results=[(subject, seen)], finished=True
    )["cells"][0]["cause"]  # fmt: skip
    assert [link["text"] for link in told["chain"]] == [link.text for link in seen.cause.chain]
    assert told["chain"][0] == {"at_s": 33.0, "text": told["text"], "evidence": told["evidence"]}


def _scenario(subject: Cell) -> Any:
    from lab.model.scenario import Scenario

    return Scenario(name="s", file="s.yaml", text="", title="t", why="", source="", cells=(subject,))


def test_explanation_reads_from_cause_to_consequences() -> None:
    """One sentence per link, with its lines in the record; then who noticed."""
    subject, seen = outcome()
    noticed = "the client noticed at 33.0 s; the server noticed at 33.1 s; the client never subscribed again"
    assert explain(subject, seen) == [
        "none: fail, 0 of 1 probes answered",
        "  client idle timer closed the transport at 33.0 s (line 8)",
        "  → the server's connection ended at 33.1 s: close-notify (line 9)",
        "  → NOTIFY p1 at 45.0 s had no flow: f1 was gone (line 10)",
        f"  the flow broke at 33.0 s; {noticed}",
    ]


def test_explanation_of_doubt() -> None:
    """An inconclusive cell says why it is; a link with many lines names a few."""
    subject = cell(timeout=60)
    doubtful = judged(subject, *flow_set_up(), *sentinel("reset"), *probe(1, 100, answered=True), END)
    assert "sentinel" in explain(subject, doubtful)[1]
    packets = [notify(100 + n / 10, "core") for n in range(9)]
    lines = [forgot(60), *unanswered(100, "timeout"), *packets]
    seen = judged(subject, *flow_set_up(), *sentinel("silent"), *lines, END)
    assert "…, " in explain(subject, seen)[2]
