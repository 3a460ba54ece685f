"""Where a client that answered its probes was weakest, from records written by hand."""

from __future__ import annotations

from dataclasses import replace

from lab.faults.link_down import LinkDown
from lab.judge.costs import costs
from lab.judge.tolerances import AIM_S
from lab.judge.weakest_times import weakest
from lab.model.scenario import Cell, Probe, ProbeKind, Transport
from lab.model.when import When
from lab.record.events import Binding, ClientBack, ClientGivenUp, ServerSubscription, Subscribed
from lab.units import Seconds
from tests.records import (
    CLIENT,
    END,
    MAPPED,
    SERVER,
    SUBSCRIPTION,
    Line,
    begins,
    cell,
    changed,
    evidence,
    flow_set_up,
    forgot,
    idle_timer,
    on_lan,
    probe,
    say,
    sentinel,
    server_flow,
    with_fault,
)

AGAIN = changed(SUBSCRIPTION, t=36.0, id="s2", flow="f1")
"""The client subscribes again, on whatever flow."""


def shown(*entries: Line, count: int = 9, of: Cell | None = None) -> list[tuple[float, float | None]]:
    """The weakest moments of a record, as (time, until)."""
    found = weakest(evidence(of or cell(), *flow_set_up(), *sentinel("delivered"), END, *entries), count)
    return [(one.at_s, one.until_s) for one in found]


def test_just_after_a_connection_ended() -> None:
    """Until the client subscribes again nothing can reach it."""
    assert shown(idle_timer(33.0), AGAIN, *probe(1, 100.0, answered=True)) == [(33.375, 36.0)]


def test_the_longest_lack_is_the_weakest() -> None:
    """Of two ends the one that lasted longer comes first, and only as many as asked for."""
    later = [idle_timer(70.0), changed(SUBSCRIPTION, t=70.5, id="s3")]
    both = shown(idle_timer(33.0), AGAIN, *later, *probe(1, 100.0, answered=True))
    assert both == [(33.375, 36.0), (70.062, 70.5)]
    assert shown(idle_timer(33.0), AGAIN, *later, *probe(1, 100.0, answered=True), count=1) == both[:1]
    assert shown(idle_timer(33.0), AGAIN, count=0) == []


def test_of_lacks_as_long_the_first() -> None:
    """What two runs of a cell differ by does not decide which of them is tried."""
    later = [idle_timer(70.0), changed(SUBSCRIPTION, t=73.1, id="s3")]
    both = shown(idle_timer(33.0), AGAIN, *later, *probe(1, 100.0, answered=True))
    assert both == [(33.375, 36.0), (70.388, 73.1)]


def test_both_sides_of_one_end_are_one() -> None:
    """The server hears of it some milliseconds later."""
    closed = server_flow(33.2, "closed", "close-notify")
    assert shown(idle_timer(33.0), closed, AGAIN, *probe(1, 100.0, answered=True)) == [(33.375, 36.0)]


def test_a_mapping_that_is_made_again() -> None:
    """The client's next packet makes it anew; that packet is a moment of its own, behind the end."""
    again = changed(MAPPED, t=75.0)
    moments = shown(forgot(60.0), again, on_lan(75.0, CLIENT, 100), *probe(1, 100.0, answered=True))
    assert moments == [(61.0, 75.0), (75.0 - 5.0 - AIM_S, 75.0)]


def test_over_udp_soon_after_the_end() -> None:
    """A request is sent again after 0.5 s, 1.5 s and 3.5 s: the first must be early for the last to be too early."""
    again = changed(MAPPED, t=64.0, proto="udp")
    lost = changed(forgot(60.0), proto="udp")
    over_udp = replace(cell(), transport=Transport.UDP)
    moments = shown(lost, again, *probe(1, 100.0, answered=True), of=over_udp)
    assert (60.1, 64.0) in moments


def test_just_before_the_client_sends_by_itself() -> None:
    """So late that its packet comes when the probe's time is over; packets in a burst are one transmission."""
    sent = [on_lan(25.0, CLIENT, 100), on_lan(25.1, CLIENT, 40), on_lan(50.0, CLIENT, 100)]
    assert shown(*sent, *probe(1, 100.0, answered=True)) == [(19.0, 25.0), (44.0, 50.0)]


def test_a_client_that_sends_often_is_probed_between() -> None:
    """There is no moment with the whole of a probe's time left: it is probed right after the transmission before."""
    sent = [on_lan(t, CLIENT, 100) for t in (20.0, 23.0)]
    assert shown(*sent, *probe(1, 100.0, answered=True))[-1] == (20.375, 23.0)


def test_what_answers_a_probe_is_not_the_clients_own() -> None:
    """Nor is what follows it within a second."""
    assert shown(*probe(1, 50.0, answered=True), on_lan(50.9, CLIENT, 100)) == []


def test_a_fault_excuses_until_the_next_answered_probe() -> None:
    """What a fault breaks is not a weakness of the client, until the author's probe finds it back."""
    down = LinkDown(at=When(offset=Seconds(50.0)), link="lan", lasts=Seconds(2.0))
    fault = begins(down, LinkDown.Proof(link="lan", rules=2, lasts=2.0), until=52.0)
    subject = with_fault(down)
    broken = [idle_timer(51.0), changed(SUBSCRIPTION, t=60.0, id="s2")]
    assert shown(*fault, *broken, *probe(1, 100.0, answered=True), of=subject) == []
    late = [idle_timer(104.0), changed(SUBSCRIPTION, t=106.0, id="s3")]
    assert shown(*fault, *broken, *probe(1, 100.0, answered=True), *late, of=subject) == [(104.25, 106.0)]


def test_a_call_that_a_fault_would_cut_off_says_nothing() -> None:
    """A probe at 39 s is answered before the fault of 50 s; a call of that moment lasts beyond it."""
    down = LinkDown(at=When(offset=Seconds(50.0)), link="lan", lasts=Seconds(2.0))
    seen = [*begins(down, LinkDown.Proof(link="lan", rules=2, lasts=2.0), until=52.0), on_lan(44.9, CLIENT, 100)]
    subject = with_fault(down)
    assert shown(*seen, *probe(1, 100.0, answered=True), of=subject) == [(38.9, 44.9)]
    calls = replace(subject, probes=(Probe(at=Seconds(100), kind_=ProbeKind.INVITE),))
    assert shown(*seen, *probe(1, 100.0, answered=True), of=calls) == []


def test_nothing_that_the_end_of_the_run_ends() -> None:
    """The lab takes everything down then."""
    assert shown(idle_timer(110.001), *probe(1, 100.0, answered=True)) == []


def test_a_subscription_that_lapses() -> None:
    """The server lets it go before the client asks again."""
    gone = changed(SUBSCRIPTION, t=60.0, state="expired", expires=0)
    back = changed(SUBSCRIPTION, t=70.0, id="s2")
    assert shown(gone, back, *probe(1, 100.0, answered=True)) == [(61.0, 70.0)]


def test_lost_in_the_silent_hour() -> None:
    """A client that is back at once has not lost its connection; one that is not shows what it had cost."""
    silent = cell(probes=())
    sent = [on_lan(20.0, CLIENT, 100), on_lan(25.0, CLIENT, 52), on_lan(50.0, CLIENT, 100)]
    back = [idle_timer(33.0), changed(SUBSCRIPTION, t=34.0, id="s2")]
    kept = costs(evidence(silent, *flow_set_up(), *sent, *back, END))
    assert kept.lost is None
    lost = costs(evidence(silent, *flow_set_up(), *sent, idle_timer(33.0), END)).lost
    assert lost is not None
    assert (lost.at_s, lost.packets, lost.bytes, lost.wakeups) == (33.0, 2, 152, 1)
    assert kept.packets_per_hour == round(3 * 3600 / 109, 1)


def test_a_registered_phone_lost_in_the_silent_hour() -> None:
    """A phone that only registers is lost as well when the middlebox has forgotten it."""
    bound = say(-0.2, SERVER, Binding(id="b1", state="active", expires=600, flow="f1", contact="c", aor="a"))
    phone = [line for line in flow_set_up() if not isinstance(line.event, ServerSubscription | Subscribed)]
    lost = costs(evidence(cell(probes=()), *phone, bound, on_lan(20.0, CLIENT, 100), forgot(60.0), END)).lost
    assert lost is not None
    assert (lost.at_s, lost.packets) == (60.0, 1)


def test_a_client_that_the_server_has_marked() -> None:
    """Nothing is sent to it until it is back; one that was removed has lost its binding or subscription."""
    marked = say(60.0, SERVER, ClientGivenUp(flow="f1", misses=1, how="marked"))
    back = say(80.0, SERVER, ClientBack(flow="f1"))
    assert shown(marked, back, *probe(1, 100.0, answered=True)) == [(61.0, 80.0)]
    removed = changed(marked, how="removed")
    assert shown(removed, *probe(1, 100.0, answered=True)) == []
