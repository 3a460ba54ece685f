"""Metrics on records written by hand."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Interface

import pytest

from lab.judge.radio import radio
from lab.model.endpoint import Endpoint
from lab.model.outcome import Metrics, Recovery
from lab.model.radio import NETWORKS
from lab.model.scenario import RadioKind
from lab.model.topology import Link, Node, Role
from lab.record.entry import Entry
from lab.record.events import (
    Binding,
    BindingState,
    ClientTransport,
    Event,
    FlowState,
    KeepAlive,
    Obeyed,
    OptionsAnswer,
    Registration,
    ResponseSent,
    ServerSubscription,
    TransportState,
    Unanswered,
)
from tests.records import (
    BOX,
    CLIENT,
    CONNECTED,
    END,
    HOME,
    MAPPED,
    SERVER,
    SUBSCRIPTION,
    Line,
    cell,
    changed,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    on_lan,
    probe,
    say,
    sentinel,
    server_flow,
)


def measured(*lines: Line, answered: bool = False, at: float = 100.0) -> Metrics:
    """The metrics of a run of 110 s with one probe at 100 s."""
    probes = probe(1, at, answered=answered)
    return judged(cell(), *flow_set_up(), *sentinel("delivered"), *probes, *lines, END).metrics


def client(t: float, event: Event) -> Line:
    return say(t, CLIENT, event)


def subscription(
    t: float, state: BindingState, *, flow: str = "f1", expires: int = 600, name: str = "s1"
) -> Entry[ServerSubscription]:
    return changed(SUBSCRIPTION, t=t, id=name, state=state, expires=expires, flow=flow)


def binding(t: float, state: BindingState, *, flow: str) -> Entry[Binding]:
    return say(t, SERVER, Binding(id="b1", state=state, expires=300, flow=flow, contact="c", aor="sip:alice@example"))


def closed(t: float, *, state: FlowState = "closed", flow: str = "f1") -> Line:
    return server_flow(t, state, id=flow)


def went_down(t: float, *, forgot: bool) -> Line:
    return say(t, SERVER, Obeyed(do="go-down", forgot=forgot))


# The radio


@pytest.mark.parametrize(
    ("times", "wakeups", "active"),
    [
        ([], 0, 0.0),
        ([5.0], 1, 10.0),
        ([5.0, 5.1, 14.9], 1, 19.9),  # the tail starts afresh
        ([5.0, 15.0], 1, 20.0),  # just in time
        ([5.0, 15.1], 2, 20.0),
        ([95.0], 1, 5.0),  # the observation ends in the tail
        ([20.0, 40.0, 60.0], 3, 30.0),
    ],
)
def test_radio(times: list[float], wakeups: int, active: float) -> None:
    """Each burst costs itself and its tail."""
    assert NETWORKS[RadioKind.LTE].inactivity_s == 10
    seen = radio(times, until=100.0, kind=RadioKind.LTE)
    assert seen.wakeups == wakeups
    assert seen.active_s == pytest.approx(active)


def test_radio_of_each_network() -> None:
    """A packet every 12 s keeps a 3G radio awake and wakes one of 4G or 5G each time; every kind has its source."""
    times = [12.0 * number for number in range(8)]
    seen = {kind: radio(times, until=100.0, kind=kind) for kind in RadioKind}
    assert {kind.value: each.wakeups for kind, each in seen.items()} == {"umts": 1, "lte": 8, "nr": 8}
    assert seen[RadioKind.UMTS].active_s > seen[RadioKind.NR].active_s > seen[RadioKind.LTE].active_s
    assert all(NETWORKS[kind].source for kind in RadioKind)


def test_radio_per_hour_counts_what_the_strategy_causes() -> None:
    """The lab's own traffic wakes no radio: neither probes nor the sentinel nor the set-up."""
    traffic = [
        on_lan(0.5, CLIENT, 100),
        on_lan(20, CLIENT, 100),
        on_lan(20.1, BOX, 100),
        on_lan(50, CLIENT, 60, port=5555),
        on_lan(80, BOX, 100),
        on_lan(100.3, BOX, 100),
    ]
    seen = measured(*traffic, answered=True)
    assert seen.observed_s == 108
    assert seen.radio_wakeups_per_hour == pytest.approx(2 * 3600 / 108, abs=0.1)
    assert seen.radio_active_s_per_hour == pytest.approx(20.1 * 3600 / 108, abs=0.1)


def test_traffic_of_a_client_that_moved() -> None:
    """It counts on the link the client has moved to as on the first one, and on no other."""
    second = Link(
        name="mobile",
        ends=(("client", IPv4Interface("10.64.0.2/24")), ("mobile-nat", IPv4Interface("10.64.0.1/24"))),
    )
    other_way = Node(name="mobile-nat", role=Role.ROUTER)
    topology = replace(HOME, nodes=(*HOME.nodes, other_way), links=(*HOME.links, second))
    subject = replace(cell(), topology=topology)
    traffic = [
        on_lan(20, CLIENT, 100),
        changed(on_lan(60, CLIENT, 300), link="mobile"),
        changed(on_lan(60.1, "mobile-nat", 500), link="mobile"),
        changed(on_lan(60, BOX, 300), link="core"),
    ]
    seen = judged(
        subject, *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), *traffic, END
    ).metrics  # fmt: skip
    assert (seen.bytes_up, seen.bytes_down) == (400, 500)
    assert seen.radio_wakeups_per_hour == pytest.approx(2 * 3600 / 108, abs=0.1)


# Deliveries, connections


@pytest.mark.parametrize(("answered", "share"), [(True, 1.0), (False, 0.0)])
def test_delivered_share(answered: bool, share: float) -> None:
    """Between 0 and 1."""
    assert measured(answered=answered).delivered_share == share


def test_handshakes_are_those_of_the_silence() -> None:
    """The first connection is set-up; a TCP connection that never got through its handshake is none."""
    lines = [
        server_flow(-0.3, "secured"),
        server_flow(50, "accepted", id="f2"),
        server_flow(51, "accepted", id="f3"),
        server_flow(51.1, "secured", id="f3"),
        server_flow(111, "secured", id="f4"),
    ]
    assert measured(*lines).tls_handshakes == 1


def test_challenges_are_those_of_the_silence() -> None:
    """401 and 407, to whatever request; other answers are none."""
    answers = [(-0.1, "SUBSCRIBE", 401), (50, "SUBSCRIBE", 401), (50.1, "SUBSCRIBE", 200), (60, "OPTIONS", 407)]
    answers += [(70, "REGISTER", 403), (111, "REGISTER", 401)]
    lines = [say(t, SERVER, ResponseSent(method=method, code=code, flow="f1")) for t, method, code in answers]
    assert measured(*lines).challenges == 2


# How the break was noticed and mended


def test_nothing_broke() -> None:
    """Then there is nothing to notice."""
    assert measured(subscription(50, "refreshed"), answered=True).repair == Recovery()


def test_black_hole_that_nobody_notices_in_time() -> None:
    """The mapping is gone at 60 s; the server learns it from the lost probe, the client never."""
    outcome = judged(
        cell(timeout=60), *flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), END
    )
    seen = outcome.metrics.repair
    assert (seen.broken_s, seen.client_noticed_after_s, seen.server_noticed_after_s) == (60.0, None, 45.0)
    assert (seen.resubscribed_after_s, seen.reregistered_after_s) == (None, None)


def test_break_that_was_mended_before_the_probe() -> None:
    """No probe was lost, so there is no cause; the record shows the break all the same."""
    lines = [
        closed(40, state="reset"),
        changed(CONNECTED, t=40.2, state="disconnected", reason="reset"),
        changed(CONNECTED, t=40.2, state="destroyed"),
        server_flow(41.5, "accepted", id="f2", peer=Endpoint("203.0.113.1", 40002)),
        binding(42, "refreshed", flow="f2"),
        subscription(43.0, "active", flow="f2", name="s2"),
    ]
    assert measured(*lines, answered=True).repair == Recovery(
        broken_s=40,
        client_noticed_after_s=0.2,
        server_noticed_after_s=0.0,
        resubscribed_after_s=3.0,
        reregistered_after_s=2.0,
    )


def test_mapping_made_anew_is_no_break() -> None:
    """A middlebox that picks the flow up again has broken nothing."""
    again = changed(MAPPED, t=70.0, id=2)
    assert measured(forgot(60), again, answered=True).repair.broken_s is None


@pytest.mark.parametrize(
    ("sign", "at"),
    [
        (client(70, Unanswered(id="tp1", patience=10.0)), 10),
        (client(92, OptionsAnswer(n=2, code=408, reason="")), 32),
        (client(65, OptionsAnswer(n=2, code=200, reason="")), None),
        (client(65, Registration(code=503, reason="", expires=0)), 5),
        (client(59, Registration(code=503, reason="", expires=0)), None),  # before it broke
        (client(65, OptionsAnswer(n=2, code=401, reason="")), None),  # an answer
        (client(65, Registration(code=401, reason="", expires=0)), 5),  # it knows no password
        (client(65, ClientTransport(id="tp9", state="destroyed", local=Endpoint("10.0.0.2", 1))), None),  # another one
    ],
)
def test_what_the_client_notices(sign: Line, at: float | None) -> None:
    """A failed request or the end of the connection, after the break."""
    outcome = judged(
        cell(timeout=60), *flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), sign, END
    )
    assert outcome.metrics.repair.client_noticed_after_s == at


def test_what_the_server_notices() -> None:
    """Its own OPTIONS that fail tell it before a probe does."""
    failed = KeepAlive(kind="options", state="failed", flow="f1", code=None, reason="timeout")
    answered = KeepAlive(kind="options", state="answered", flow="f1", code=200, reason="")
    lines = [say(95, SERVER, failed), say(65, SERVER, answered), forgot()]
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), *lines, END)
    assert outcome.metrics.repair.server_noticed_after_s == 35


# What stays behind


SUBSCRIBED = subscription(-0.1, "active")
ANEW = server_flow(55, "accepted", id="f2", peer=Endpoint("203.0.113.1", 2))


@pytest.mark.parametrize(
    ("lines", "stale"),
    [
        ([SUBSCRIBED], 0),
        ([SUBSCRIBED, closed(50)], 1),
        ([SUBSCRIBED, idle_timer()], 1),  # the server does not know, and believes in it
        ([subscription(-0.1, "active", expires=60), closed(50)], 0),  # over by itself
        ([SUBSCRIBED, closed(50), subscription(60, "terminated", expires=0)], 0),
        ([SUBSCRIBED, closed(50), ANEW, subscription(60, "refreshed", flow="f2")], 0),
        (
            [
                SUBSCRIBED,
                closed(50),
                ANEW,
                subscription(60, "active", flow="f2", name="s2"),
                binding(10, "active", flow="f1"),
            ],
            2,
        ),
        ([SUBSCRIBED, closed(110.5)], 0),  # the end of the run
        ([SUBSCRIBED, forgot(60)], 1),  # neither end knows
        ([SUBSCRIBED, closed(50), went_down(50, forgot=True)], 0),  # the server holds nothing any more
        ([SUBSCRIBED, closed(50), went_down(50, forgot=False)], 1),
        ([closed(30), went_down(30, forgot=True), ANEW, binding(40, "active", flow="f2"), closed(50, flow="f2")], 1),
    ],
)
def test_stale_contacts(lines: list[Line], stale: int) -> None:
    """Those the server would still use at the end, and whose flow is gone."""
    set_up = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription)]
    outcome = judged(cell(), *set_up, *sentinel("delivered"), *probe(1, 100, answered=True), *lines, END)
    assert outcome.metrics.stale_contacts == stale


@pytest.mark.parametrize(
    ("states", "leaked"),
    [
        ([("disconnected", 40.0), ("shutdown", 40.0)], 1),
        ([("disconnected", 40.0), ("destroyed", 40.1)], 0),
        ([("disconnected", 40.0), ("destroyed", 75.0)], 0),  # late, but gone
        ([("disconnected", 90.0)], 0),  # a transaction may still hold it
        ([], 0),
    ],
)
def test_leaked_sockets(states: list[tuple[TransportState, float]], leaked: int) -> None:
    """A transport whose reference nobody gives back stays after its end."""
    lines = [changed(CONNECTED, t=t, state=state) for state, t in states]
    assert measured(*lines).leaked_sockets == leaked
