"""What a probe lacked on its way, who noticed, and what is told, on records written by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.evict_flow import EvictFlow
from lab.faults.link_down import LinkDown
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_mute import ServerMute
from lab.mitigations.server_options import ServerOptions
from lab.model.middlebox import ForgottenFlow, Middlebox, SipAlg
from lab.model.scenario import Strategy, Transport
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.model.without import WithoutFault, WithoutIdleTimer, WithoutTimer
from lab.record.events import (
    Aborted,
    ClientCall,
    ClientReady,
    KeepAlive,
    NeverSilent,
    Request,
    ResponseSent,
    Unanswered,
)
from lab.record.writer import RUNNER
from lab.report.explanation import explain
from lab.units import Seconds
from tests.lost_probes import (
    AT,
    BOUND,
    EXPIRED,
    MUTE,
    REBOOT,
    REBOOTED,
    SECOND,
    outcome,
    registering,
    second_flow,
    told,
    without_subscription,
)
from tests.records import (
    ACCEPTED,
    BOX,
    CLIENT,
    CONNECTED,
    END,
    INSIDE,
    MAPPED,
    OUTSIDE,
    REMOTE,
    SERVER,
    SUBSCRIBED,
    SUBSCRIPTION,
    answers_from_now,
    attempt,
    begins,
    call,
    cell,
    changed,
    flow_set_up,
    forgot,
    frozen_probe,
    idle_timer,
    judged,
    of_flow,
    packet,
    probe,
    say,
    sentinel,
    server_flow,
)

# Mappings


def test_a_mapping_that_a_fault_ended_is_not_the_timers() -> None:
    """Though the fault is not what the scenario can prove of this flow, the middlebox's timer has not run out."""
    evict = EvictFlow(at=AT, node=BOX)
    evicted = begins(evict, EvictFlow.Proof(node=BOX, flow="f1", gone=True, others=2))
    seen = outcome(replace(cell(), faults=(evict,)), *evicted, forgot(50.1), *probe(1, 100, answered=False))
    assert told(seen) == ("middlebox-evicted-flow", 50.0)
    assert [suspect.without for suspect in seen.suspects] == [WithoutFault(0)]


def test_a_mapping_that_ends_while_it_rings() -> None:
    """The INVITE got through; the answer did not."""
    ringing = [*call(("sent", 20.0), ("ringing", 20.1)), *call(("failed", 100.0))]
    lost = [*ringing[:-1], changed(ringing[-1], reason="timeout")]
    seen = outcome(cell(timeout=60, probes=(20.0,)), forgot(60), *lost, met="silent")
    assert told(seen) == ("middlebox-forgot-flow", 60.0)
    assert seen.suspects[0].without == WithoutTimer(BOX)
    assert told(
        outcome(cell(timeout=60, probes=(20.0,)), changed(forgot(60), tcp_state="CLOSE"), *lost, met="silent")
    ) == (
        "unknown",
        None,
    )


@pytest.mark.parametrize(("anew", "lost"), [(99.0, False), (104.0, True), (106.0, True)])
def test_a_mapping_made_anew_after_the_probe_was_sent_is_too_late(anew: float, lost: bool) -> None:
    """Over UDP what was sent before is gone; one that came back before the probe had nothing to do with it."""
    udp = [changed(MAPPED, proto="udp"), changed(ACCEPTED, transport="udp"), SUBSCRIPTION, SUBSCRIBED]
    ends = [changed(forgot(60), proto="udp", tcp_state=""), changed(MAPPED, proto="udp", t=anew, id=2)]
    seen = judged(cell(timeout=60), *udp, *sentinel("silent"), *ends, *probe(1, 100, answered=False), END)
    assert told(seen) == (("middlebox-forgot-flow", 60.0) if lost else ("unknown", None))


ANEW = changed(MAPPED, t=70.0, id=2)
REPICKUP = Middlebox(name="box", forgotten=ForgottenFlow.REPICKUP)


@pytest.mark.parametrize("arrived", [False, True])
def test_data_that_was_lost_holds_up_what_follows(arrived: bool) -> None:
    """The mapping is there again, and the server's request of 55 s still waits for TCP to send it once more."""
    subject = replace(cell(), faults=(REBOOT,), middleboxes=((BOX, REPICKUP),))
    lines = [*REBOOTED, forgot(50.1), ANEW, of_flow(55.0, "core", "server", seq=7)]
    if arrived:
        lines += [of_flow(75.0, "lan", "server", seq=7)]
    seen = judged(
        subject, *flow_set_up(), *sentinel("delivered", "silent"), *lines, *probe(1, 100, answered=False), END
    )
    assert told(seen) == (("unknown", None) if arrived else ("middlebox-lost-table", 50.0))


@pytest.mark.parametrize("alg", [(), (SipAlg.TCP,)])
def test_an_alg_forgets_its_offsets(alg: tuple[SipAlg, ...]) -> None:
    """The same mapping passes segments whose numbers the other end does not know."""
    box = replace(REPICKUP, sip_alg=alg)
    rewritten = Request(
        method="SUBSCRIBE",
        flow="f1",
        peer=OUTSIDE,
        call_id="c",
        cseq=1,
        via="203.0.113.1:40001" if alg else None,
        contact=None,
    )
    subject = replace(cell(), faults=(REBOOT,), middleboxes=((BOX, box),), transport=Transport.TCP)
    lines = [say(-0.3, SERVER, rewritten), *REBOOTED, forgot(50.1), ANEW, *probe(1, 100, answered=False)]
    seen = judged(subject, *flow_set_up(), *sentinel("delivered", "silent"), *lines, END)
    assert told(seen) == (("middlebox-lost-table", 50.0) if alg else ("unknown", None))


@pytest.mark.parametrize("sends", [True, False])
def test_a_frozen_server_sends_no_keep_alives(sends: bool) -> None:
    """What the server would have sent kept the mapping alive; where it sends nothing anyway, the timer is the cause."""
    freeze = ServerFreeze(at=AT, lasts=Seconds(40))
    mine = (ServerOptions(interval=Seconds(25)),) if sends else ()
    subject = replace(cell(timeout=60), faults=(freeze,), strategy=Strategy(name="s", mitigations=mine))
    sent = (
        [say(25.0, SERVER, KeepAlive(kind="options", state="sent", flow="f1", code=None, reason=""))] if sends else []
    )
    frozen = begins(freeze, ServerFreeze.Proof(stopped=True), until=90.0)
    seen = outcome(subject, *sent, *frozen, forgot(85), *probe(1, 100, answered=False), met="silent")
    assert told(seen) == (("server-froze", 50.0) if sends else ("middlebox-forgot-flow", 85.0))


# Calls


def test_a_call_that_the_client_ended_for_want_of_an_answer() -> None:
    """What ate the ACK while the call was young is the cause, though the client gave up half a minute later."""
    fault = LinkDown(at=When(offset=20.0), link="lan", lasts=Seconds(20))
    down = begins(fault, LinkDown.Proof(link="lan", rules=2, lasts=20.0), t=20.0, until=40.0)
    fate = call(("sent", 19.9), ("talking", 20.05), ("failed", 55.0))
    lost = [*fate[:-1], changed(fate[-1], reason="the client hung up")]
    ack = of_flow(20.06, "lan", "server")
    gave_up = say(55.1, CLIENT, ClientCall(state="disconnected", call_id="c", code=408))
    seen = outcome(replace(cell(probes=(19.9,)), faults=(fault,)), *down, *lost, ack, gave_up)
    assert told(seen) == ("link-down", 20.0)
    assert seen.cause is not None
    assert seen.cause.chain[-1].text == "call p1 of 19.9 s was ended by the client at 55.0 s"
    assert seen.metrics.repair.client_noticed_after_s == 35.1


# Who noticed


def test_noticing_is_of_the_flow_that_broke() -> None:
    """The end of another connection is no sign, nor what the client learns after it has subscribed on another."""
    other = changed(CONNECTED, t=65.0, id="tp2", local=SECOND)
    signs = [
        other,
        changed(other, t=66.0, state="destroyed"),
        say(67.0, CLIENT, Unanswered(id="tp2", patience=1.0)),
        server_flow(68.0, "closed", "fin", id="f2"),
        say(69.0, SERVER, KeepAlive(kind="options", state="failed", flow="f2", code=None, reason="timeout")),
    ]
    seen = outcome(cell(timeout=60), forgot(60), *signs, *probe(1, 100, answered=False), met="silent")
    assert seen.metrics.repair.client_noticed_after_s is None
    assert seen.metrics.repair.server_noticed_after_s == 45.0
    late = changed(CONNECTED, t=90.0, state="disconnected", reason="timed out")
    lost_call = [changed(step, kind="options") for step in probe(1, 100, answered=False)]
    moved = [*second_flow(70.0), changed(SUBSCRIPTION, t=70.5, id="s2", flow="f2"), late]
    seen = outcome(registering(cell(timeout=60)), BOUND, forgot(60), *moved, *lost_call, met="silent")
    assert told(seen) == ("middlebox-forgot-flow", 60.0)
    assert seen.metrics.repair.client_noticed_after_s is None


def test_the_end_of_a_dead_clients_connection_can_be_noticed() -> None:
    """The kernel sends FIN a moment before the runner hears that the process has ended."""
    died = say(50.05, CLIENT, Aborted(how="SIGKILL", last=""))
    seen = outcome(cell(), died, server_flow(50.0, "closed", "fin"), attempt(100.0, "failed", reason="flow-gone"))
    assert told(seen) == ("client-aborted", 50.05)
    assert seen.metrics.repair.server_noticed_after_s == 0.0


# Faults that cannot matter any more


def test_a_fault_that_came_too_late_is_moot() -> None:
    """The cell had failed by then. One that found nothing to act on while the flow lived makes it inconclusive."""
    evict = EvictFlow(at=When(offset=90.0), node=BOX)
    found_none = begins(evict, EvictFlow.Proof(node=BOX, flow="f1", gone=False, others=2), t=90.0)
    lost = probe(1, 100, answered=False)
    subject = replace(cell(), faults=(evict,))
    assert told(outcome(subject, *found_none, idle_timer(33), *lost)) == ("client-idle-timer", 33.0)
    assert outcome(subject, *found_none, idle_timer(95), *lost).verdict is Verdict.INCONCLUSIVE
    assert outcome(subject, *found_none, *lost).verdict is Verdict.INCONCLUSIVE
    harmless = replace(MUTE, at=When(offset=10.0))
    early = [*begins(harmless, ServerMute.Proof(answers="mute"), t=10.0, until=30.0), answers_from_now("mute")]
    both = replace(cell(), faults=(harmless, evict))
    second = begins(evict, EvictFlow.Proof(node=BOX, flow="f1", gone=False, others=2), t=90.0, number=1)
    assert told(outcome(both, *early, *second, idle_timer(33), *lost)) == ("client-idle-timer", 33.0)


def test_a_moment_that_never_comes_is_moot() -> None:
    """Nothing reconnects, because the client is gone by its own timer."""
    subject = replace(cell(), faults=(replace(MUTE, at=When(offset=5.0, event=Event.RECONNECTED)),))
    lost = probe(1, 100, answered=False)
    assert told(outcome(subject, idle_timer(33), *lost)) == ("client-idle-timer", 33.0)
    assert outcome(subject, *lost).verdict is Verdict.INCONCLUSIVE
    allowed = replace(cell(probes=(45.0, 100.0)), faults=subject.faults)
    half = replace(allowed, expect=replace(allowed.expect, delivered=type(allowed.expect.delivered)(50)))
    passes = [idle_timer(33), *probe(1, 45, answered=False), *probe(2, 100, answered=True)]
    assert outcome(half, *passes).verdict is Verdict.INCONCLUSIVE


# What is told


def test_packets_of_something_else_are_not_the_probes() -> None:
    """An answer to the client and a keep-alive leave at about the same time; only the NOTIFY is counted."""
    lines = [
        *probe(1, 100, answered=False),
        packet(100.0, "core", SERVER, REMOTE, OUTSIDE, seq=10),
        packet(100.2, "core", SERVER, REMOTE, OUTSIDE, seq=10),
        packet(101.0, "core", SERVER, REMOTE, OUTSIDE, seq=20),
        packet(101.0, "lan", SERVER, REMOTE, INSIDE, seq=20),
        say(101.0, SERVER, ResponseSent(method="OPTIONS", code=200, flow="f1")),
    ]
    seen = outcome(cell(), *lines)
    assert seen.cause is not None
    assert seen.cause.chain[-1].text.endswith("2 packets with data left the server, none got beyond link core")


def test_a_client_whose_contact_is_private() -> None:
    """A client that never gets set up: the server's first request went where nothing arrives."""
    ready = say(0.0, CLIENT, ClientReady())
    lines = [ready, say(70.0, RUNNER, NeverSilent())]
    astray = packet(0.1, "core", SERVER, REMOTE, INSIDE)
    assert "10.0.0.2:40001, the client's own address behind home-nat" in judged(cell(), *lines, astray).doubt
    assert "own address" not in judged(cell(), *lines, changed(astray, dst=OUTSIDE)).doubt


def test_what_kept_a_client_reachable() -> None:
    """What crossed on the flow of the probe, how often, and how long the flow was quiet."""
    ping = Request(method="OPTIONS", flow="f1", peer=OUTSIDE, call_id="c", cseq=2, via=None, contact=None)
    pings = [line for t in (25.0, 50.0, 75.0) for line in (say(t, SERVER, ping), of_flow(t, "lan", "client"))]
    seen = outcome(cell(timeout=60), *pings, *probe(1, 100, answered=True), met="silent")
    assert [link.text for link in seen.kept_by] == [
        "the client's OPTIONS crossed on f1 3 times, about every 25 s",
        "f1 was quiet for 25.0 s at most, which ended at 50.0 s; middlebox home-nat forgets after 60 s",
    ]


def test_a_frozen_server_is_the_cause_of_what_it_did_not_send() -> None:
    """Whatever else was missing by then."""
    freeze = ServerFreeze(at=AT, lasts=Seconds(55))
    frozen = begins(freeze, ServerFreeze.Proof(stopped=True), until=105.0)
    seen = outcome(replace(cell(), faults=(freeze,)), *frozen, frozen_probe(100.0), idle_timer(93))
    assert told(seen) == ("server-froze", 50.0)
    assert [suspect.without for suspect in seen.suspects] == [WithoutFault(0), WithoutIdleTimer()]


def test_each_lost_probe_is_explained() -> None:
    """The chain once, of further probes with the same cause what is new, and in the end how many more there are."""
    times = (40.0, 50.0, 60.0, 70.0, 80.0)
    subject = cell(probes=(*times, 100.0))
    gone = [attempt(t, "failed", probe=f"p{number}", reason="flow-gone") for number, t in enumerate(times, start=1)]
    last = [
        *second_flow(85.0),
        changed(SUBSCRIPTION, t=85.5, state="refreshed", flow="f2"),
        changed(EXPIRED, t=90.0, flow="f2"),
        changed(without_subscription(), probe="p6"),
    ]
    seen = outcome(subject, idle_timer(33.0), *gone, *last)
    assert [line.partition(" (line")[0] for line in explain(subject, seen)[1:-1]] == [
        "  client idle timer closed the transport at 33.0 s",
        "  → NOTIFY p1 at 40.0 s failed: flow f1 had ended",
        "  → NOTIFY p2 at 50.0 s failed: flow f1 had ended",
        "  → NOTIFY p3 at 60.0 s failed: flow f1 had ended",
        "  → and 2 more likewise, the last at 80.0 s",
        "  the subscription expired at 90.0 s, and the client had not refreshed it",
        "  → NOTIFY p6 at 100.0 s had no subscription",
    ]
