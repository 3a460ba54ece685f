"""The chain from a cause to the lost probe, on records written by hand: each test tells one story."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lab.faults.black_hole import BlackHole
from lab.faults.link_down import LinkDown
from lab.faults.server_freeze import ServerFreeze
from lab.judge.verdict import judge
from lab.model.endpoint import Endpoint
from lab.model.outcome import Cause, Outcome
from lab.model.scenario import Cell
from lab.model.when import When
from lab.record.events import (
    Aborted,
    ClientSubscription,
    KeepAlive,
    Mapping,
    OptionsAnswer,
    Registration,
    SentinelOutcome,
    SentinelState,
    Unanswered,
)
from lab.report.explanation import explain
from lab.report.formats.report_json import document
from lab.units import Seconds
from tests.records import (
    BEGUN,
    CLIENT,
    CONFIRMED,
    END,
    INSIDE,
    OUTSIDE,
    REMOTE,
    SERVER,
    SUBSCRIPTION,
    Line,
    attempt,
    begins,
    call,
    cell,
    changed,
    evidence,
    flow_set_up,
    forgot,
    frozen_probe,
    idle_timer,
    judged,
    packet,
    probe,
    say,
    sentinel,
    server_flow,
)
from tests.runs import run_of

AT = When(offset=50.0)


def unanswered(t: float, reason: str, *, flow: str | None = "f1") -> list[Line]:
    """A NOTIFY whose fate the server gives a reason for; only one that timed out was sent."""
    if reason != "timeout":
        return [attempt(t, "failed", flow=flow, peer=OUTSIDE if flow else None, reason=reason)]
    return [attempt(t, "sent", flow=flow), attempt(t + 5, "failed", flow=flow, reason=reason)]


def server_closed(t: float, reason: str) -> Line:
    return server_flow(t, "closed", reason)


def notify(t: float, link: str, *, target: Endpoint = OUTSIDE, payload: int = 700) -> Line:
    return packet(t, link, SERVER, REMOTE, target, size=payload + 52, payload=payload)


def told(
    *lines: Line, subject: Cell | None = None, met: SentinelState = "delivered"
) -> tuple[list[str], list[list[Line]]]:
    """The sentences of the chain, and the entries each points at."""
    seen = evidence(subject or cell(), *flow_set_up(), *sentinel(met), *lines, END)
    outcome = judge(seen)
    assert outcome.cause is not None, outcome.doubt
    times = [link.at_s for link in outcome.cause.chain]
    assert times == sorted(times)
    shown = [[replace(seen.entries[line - 1], line=0) for line in link.evidence] for link in outcome.cause.chain]
    return [link.text for link in outcome.cause.chain], shown


def test_idle_timer_to_a_probe_without_a_flow() -> None:
    """The client closes, the server sees it, and has nothing left to send on; the mapping's end says nothing new."""
    closed, seen, lost = idle_timer(33.0), server_closed(33.1, "close-notify"), unanswered(45, "flow-gone")
    ended = changed(forgot(43.0), tcp_state="CLOSE")
    texts, shown = told(closed, seen, ended, *lost)
    assert texts == [
        "client idle timer closed the transport at 33.0 s",
        "the server's connection ended at 33.1 s: close-notify",
        "NOTIFY p1 at 45.0 s failed: flow f1 had ended",
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
    # and what it then does, as the sentinel met it
    assert [(type(entry.event), entry.event.state) for entry in shown[0]] == [
        (Mapping, "destroyed"),
        (SentinelOutcome, "silent"),
        (SentinelOutcome, "silent"),
    ]
    assert sorted(entry.t for entry in shown[1]) == [100.0, 100.0, 100.2, 105.0]


def test_packets_that_reached_a_client_that_died() -> None:
    """A client that is gone gets its packets all the same."""
    died = say(50.0, CLIENT, Aborted(how="SIGABRT", last="double dec_ref"))
    packets = [notify(100.1, "core"), notify(100.1, "lan", target=INSIDE)]
    texts, _ = told(died, *unanswered(100, "timeout"), *packets)
    assert texts[-1].endswith("1 packet with data left the server, 1 reached the client's link lan")


def test_probe_of_which_nothing_was_seen() -> None:
    """Silence of the captures is told, too."""
    texts, _ = told(forgot(60), *unanswered(100, "timeout"), subject=cell(timeout=60), met="silent")
    assert texts[-1].endswith("no packet with data left the server")


def test_link_that_was_down_while_the_subscription_was_due() -> None:
    """Between fault and probe: what the client tried, what the server gave up, and that the link came back."""
    fault = LinkDown(at=AT, link="lan", lasts=Seconds(40))
    subject = replace(cell(), faults=(fault,))
    failed = KeepAlive(kind="options", state="failed", flow="f1", code=None, reason="timeout")
    ping = KeepAlive(kind="options", state="sent", flow="f1", code=None, reason="")
    lines = [
        *begins(fault, LinkDown.Proof(link="lan", rules=2, lasts=40.0), until=90.0),
        notify(55.0, "lan", target=INSIDE),
        say(60.0, CLIENT, OptionsAnswer(code=408, n=1)),
        say(65.0, CLIENT, OptionsAnswer(code=408, n=2)),
        say(40.0, CLIENT, OptionsAnswer(code=503, n=0)),  # before the fault
        changed(SUBSCRIPTION, t=70.0, state="expired", expires=0),
        say(80.0, CLIENT, ClientSubscription(state="terminated", code=408, reason="")),
        say(85.0, CLIENT, Unanswered(id="tp1", patience=10.0)),
        say(87.0, SERVER, failed),
        say(88.0, SERVER, ping),
        say(101.0, CLIENT, Registration(code=503)),  # after the probe
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
    fault = BlackHole(at=AT, node="home-nat")
    subject = replace(cell(), faults=(fault,))
    proof = BlackHole.Proof(node="home-nat", flow="f1", direction="both", rules=4, wanted=4)
    lines = [*begins(fault, proof, until=50.1), notify(50.05, "core")]
    texts, _ = told(*lines, *unanswered(100, "timeout"), subject=subject)
    assert len(texts) == 2


def test_frozen_server_never_sent() -> None:
    """The runner speaks for a server that stands still."""
    fault = ServerFreeze(at=AT, lasts=Seconds(55))
    lost = frozen_probe(100.0)
    frozen = begins(fault, ServerFreeze.Proof(stopped=True), until=105.0)
    texts, shown = told(*frozen, lost, subject=replace(cell(), faults=(fault,)))
    assert texts == ["the server froze at 50.0 s", "NOTIFY p1 at 100.0 s was not sent: the server stood still"]
    assert shown[1] == [lost]


def test_a_contact_that_the_server_could_not_connect_to() -> None:
    """The probe is of the moment at which the server began to connect, and should have taken the flow that is gone."""
    lost = [attempt(100, "connecting", peer=None), attempt(105, "failed", reason="timeout")]
    texts, _ = told(idle_timer(33), *lost)
    assert texts[0].startswith("client idle timer closed the transport at 33.0 s")
    assert texts[-1] == "NOTIFY p1 at 100.0 s was not answered by 105.0 s: the server could not connect to the Contact"


@pytest.mark.parametrize("confirmed", [True, False])
def test_call(confirmed: bool) -> None:
    """Of a call its last request is the symptom, unless the client never saw it begin."""
    *steps, last = call(*BEGUN, ("ending", 80.0), ("failed" if confirmed else "answered", 80.2))
    fate = [*steps, changed(last, reason="Broken pipe")]
    texts, _ = told(idle_timer(75), *fate, CONFIRMED if confirmed else changed(CONFIRMED, state="connecting"))
    assert texts[-1] == (
        "BYE p1 at 80.0 s failed: Broken pipe"
        if confirmed
        else "BYE p1 at 80.0 s was answered, and the client had not seen the call begin"
    )


@pytest.mark.parametrize(
    ("reason", "told_of_it"),
    [
        ("no-binding", "had no binding to go to: nobody was registered"),
        ("flow-gone", "failed: flow f1 had ended"),
        ("timeout", "was not answered by 105.0 s: no packet with data left the server"),
        ("486 Busy Here", "failed: 486 Busy Here"),
    ],
)
def test_missed_call(reason: str, told_of_it: str) -> None:
    """A call that never began was missed, and why."""
    lost = changed(attempt(105.0, "failed", reason=reason), kind="invite")
    texts, _ = told(idle_timer(33), changed(attempt(100.0, "sent"), kind="invite"), lost)
    assert texts[-1] == f"call p1 at 100.0 s was missed: INVITE {told_of_it}"


def test_probe_that_was_refused() -> None:
    """A client that has forgotten its subscription says so."""
    texts, _ = told(idle_timer(33), attempt(100, "sent"), attempt(100.1, "answered", code=481))
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
    assert isinstance(seen.cause, Cause)
    told = document(run_of(_scenario(subject), [(subject, seen)]))["cells"][0]["cause"]
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
        "  → NOTIFY p1 at 45.0 s failed: flow f1 had ended (line 10)",
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
