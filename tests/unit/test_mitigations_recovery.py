"""Mitigations that notice a lost connection and do something about it, against a client that only records."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lab.mitigations._interval_search import IntervalSearch
from lab.mitigations.adaptive import Adaptive
from lab.mitigations.base import TransportState
from lab.mitigations.drop_dead_flow import DropDeadFlow
from lab.mitigations.pong_watchdog import PongWatchdog
from lab.mitigations.reconnect import Reconnect
from lab.record.events import IntervalTried
from lab.units import Seconds
from tests.unit.recording_client import Probe, RecordingClient

CONNECTED, DISCONNECTED = TransportState.CONNECTED, TransportState.DISCONNECTED
SHUTDOWN, DESTROYED = TransportState.SHUTDOWN, TransportState.DESTROYED
FIRST, SECOND = 0x1000, 0x2000


@pytest.fixture
def client() -> RecordingClient:
    return RecordingClient()


# pong-watchdog


def test_a_pong_in_time_starts_the_watch_anew(client: RecordingClient) -> None:
    """25 s, a second for pjsip's counting, 10 s for the answer: as long as something comes in within that, nothing."""
    PongWatchdog(interval=Seconds(25)).attach(client)
    client.transport(FIRST, CONNECTED)
    for _ in range(3):
        client.advance(35.9)
        client.received(FIRST)
    assert client.done == ["crlf 25"]
    client.advance(36.1)
    assert client.done == ["crlf 25", "give up 1000 after 10", "resubscribe"]


def test_a_connection_that_ended_is_not_missed(client: RecordingClient) -> None:
    """Neither it nor what comes from elsewhere; the next one is watched on its own."""
    PongWatchdog(interval=Seconds(25)).attach(client)
    client.transport(FIRST, CONNECTED, DISCONNECTED, SHUTDOWN, DESTROYED)
    client.transport(SECOND, CONNECTED)
    client.received(FIRST)
    client.advance(36.1)
    assert client.done[1:] == ["give up 2000 after 10", "resubscribe"]
    client.advance(100)
    assert len(client.done) == 3


def test_watchdog_of_a_registered_phone(client: RecordingClient) -> None:
    """Without a subscription there is only the registration to renew."""
    client.subscribes = False
    PongWatchdog(interval=Seconds(25)).attach(client)
    client.transport(FIRST, CONNECTED)
    client.advance(36.1)
    assert client.done == ["crlf 25", "give up 1000 after 10", "reregister"]


# drop-dead-flow


def test_a_timeout_shuts_what_has_been_silent_since(client: RecordingClient) -> None:
    """Of two connections the one that has heard nothing for 32 s; other answers shut none."""
    DropDeadFlow().attach(client)
    client.transport(FIRST, CONNECTED)
    client.transport(SECOND, CONNECTED)
    client.advance(20)
    client.received(SECOND)
    client.advance(12)
    client.answer("OPTIONS", 503)
    client.answer("OPTIONS", 200)
    assert client.done == []
    client.answer("OPTIONS", 408)
    assert client.done == ["give up 1000 after 32"]


# reconnect


def subscribed(client: RecordingClient) -> RecordingClient:
    client.transport(FIRST, CONNECTED)
    client.subscription("active")
    client.subscribed()
    return client


@pytest.mark.parametrize("states", [(DESTROYED,), (SHUTDOWN, DESTROYED), (DISCONNECTED, SHUTDOWN, DESTROYED)])
def test_reconnect_once_however_it_ended(client: RecordingClient, states: tuple[TransportState, ...]) -> None:
    """One attempt between half the first pause and all of it."""
    Reconnect(first=Seconds(2)).attach(client)
    subscribed(client).transport(FIRST, *states)
    client.advance(0.99)
    assert client.done == []
    client.advance(1.01)
    client.subscription("terminated", 200)
    client.subscription("active")
    client.advance(1000)
    assert client.done == ["reregister", "resubscribe"]


def test_reconnect_not_while_another_connection_is_there(client: RecordingClient) -> None:
    """The last one counts."""
    Reconnect().attach(client)
    subscribed(client).transport(SECOND, CONNECTED)
    client.transport(FIRST, DESTROYED)
    client.advance(1000)
    assert client.done == []


def test_reconnect_not_before_the_client_is_set_up(client: RecordingClient) -> None:
    """What happens before is the set-up's."""
    Reconnect().attach(client)
    client.transport(FIRST, CONNECTED, DISCONNECTED)
    client.answer("SUBSCRIBE", 503)
    client.advance(1000)
    assert client.done == []


def test_reconnect_backs_off_and_begins_anew_after_a_success(client: RecordingClient) -> None:
    """Pauses double up to the longest, each between a half and all of itself; the seed decides which."""
    Reconnect(first=Seconds(2), longest=Seconds(60)).attach(client)
    subscribed(client).transport(FIRST, DESTROYED)
    moments = [client.t]
    for _ in range(8):
        while client.done.count("resubscribe") < len(moments):
            client.advance(0.01)
        moments.append(client.t)
        client.answer("SUBSCRIBE", 408)
    for number, pause in enumerate(b - a for a, b in pairwise(moments)):
        longest = min(60, 2 * 2**number)
        assert 0.5 * longest - 0.02 <= pause <= longest + 0.02
    client.subscription("active")
    client.transport(SECOND, CONNECTED, DESTROYED)
    before = client.done.count("resubscribe")
    client.advance(2)
    assert client.done.count("resubscribe") == before + 1


def test_the_seed_decides_the_jitter() -> None:
    """Same seed, same pause; another seed, another."""
    pauses = []
    for seed in (1, 1, 2):
        client = RecordingClient(seed)
        Reconnect(first=Seconds(2)).attach(client)
        subscribed(client).transport(FIRST, DESTROYED)
        while not client.done:
            client.advance(0.001)
        pauses.append(client.t)
    assert pauses[0] == pauses[1] != pauses[2]


# adaptive


def search(patience: float, **known: float | None) -> tuple[IntervalSearch, list[float]]:
    state = IntervalSearch(**({"safe": 25, "unsafe": None, "longest": 3600, "resolution": 5} | known))  # type: ignore[arg-type]
    tried = []
    while (interval := state.candidate()) is not None:
        tried.append(interval)
        state = state.after(interval, safe=interval < patience)
    return state, tried


@pytest.mark.parametrize("patience", [26, 60, 100, 350, 1800])
def test_the_search_ends_just_below_the_patience(patience: float) -> None:
    """Within the resolution, and never above."""
    state, tried = search(patience)
    assert state.unsafe is not None
    assert state.safe < patience <= state.unsafe <= state.safe + 5
    assert len(tried) <= 16


def test_the_search_ends_at_the_longest() -> None:
    """Doubling up to it; nothing else is tried."""
    state, tried = search(1e9, longest=300)
    assert (state.safe, tried) == (300, [50, 100, 200, 300])


def open_and_answer(probe: Probe) -> None:
    probe.on_data(b"")
    assert probe.sent[-1] == b"\r\n\r\n"
    probe.on_data(b"\r\n")


class Network:
    """Answers pings unless the connection has been idle for its patience; plays pjsip's on the SIP connection, too."""

    def __init__(self, client: RecordingClient, patience: float) -> None:
        self.client = client
        self.patience = patience
        self.up = True
        self._heard = 0.0
        self._answered: dict[int, tuple[int, float]] = {}

    def run(self, seconds: float) -> None:
        end = self.client.t + seconds
        while self.client.t < end:
            self._serve()
            self.client.advance(0.5)
            interval = int(self.client.settings["crlf"])
            if self.up and self.client.t - self._heard >= interval + 1:
                self._heard = self.client.t
                self.client.received(FIRST)

    def _serve(self) -> None:
        for number, probe in enumerate(self.client.probes):
            if probe.closed or not self.up:
                continue
            pings, at = self._answered.get(number, (-1, self.client.t))
            if pings == -1:
                self._answered[number] = (0, self.client.t)
                probe.on_data(b"")
            elif len(probe.sent) > pings and self.client.t - at < self.patience:
                self._answered[number] = (len(probe.sent), self.client.t)
                probe.on_data(b"\r\n")


def adaptive(client: RecordingClient, **how: float) -> None:
    Adaptive(**{name: Seconds(value) for name, value in how.items()}).attach(client)
    client.transport(FIRST, CONNECTED)
    client.subscribed()


def test_adaptive_learns_the_patience(client: RecordingClient) -> None:
    """Of a network that forgets after 60 s it is known within half an hour; pjsip pings a second earlier at most."""
    network = Network(client, 60)
    adaptive(client)
    network.run(1800)
    tried = [(event.interval, event.safe) for event in client.events if isinstance(event, IntervalTried)]
    assert tried == [(50.0, True), (100.0, False), (75.0, False), (62.5, False), (56.25, True), (59.375, True)]
    assert client.done == ["crlf 24", "crlf 49", "crlf 55", "crlf 58"]
    assert client.memory == {"safe": 59.375, "unsafe": 62.5}
    assert all(probe.closed for probe in client.probes)
    assert not any(done.startswith("give up") for done in client.done)


def test_adaptive_uses_what_it_remembers(client: RecordingClient) -> None:
    """The next client starts there and has nothing left to learn."""
    client.memory = {"safe": 59.375, "unsafe": 62.5}
    adaptive(client)
    client.advance(30)
    assert client.done == ["crlf 58"]
    assert client.probes == []


def test_adaptive_does_not_blame_the_interval_for_an_outage(client: RecordingClient) -> None:
    """While the path is down nothing is learnt; afterwards the same interval is tried again."""
    network = Network(client, 1e9)
    adaptive(client, longest=50)
    network.run(20)
    network.up = False
    network.run(200)
    assert [event for event in client.events if isinstance(event, IntervalTried)] == []
    network.up = True
    network.run(400)
    tried = [event for event in client.events if isinstance(event, IntervalTried)]
    assert tried == [IntervalTried(interval=50.0, safe=True)]


def test_adaptive_takes_an_end_while_idle_for_a_failure(client: RecordingClient) -> None:
    """A reset before the interval is over, with a fresh connection answered at once, is the middlebox's patience."""
    adaptive(client)
    open_and_answer(client.probes[0])
    client.advance(30)
    client.received(FIRST)
    client.advance(10)
    client.probes[0].on_end()
    open_and_answer(client.probes[1])
    assert client.events[0] == IntervalTried(interval=50.0, safe=False)


def test_adaptive_starts_over_when_the_sip_connection_is_lost(client: RecordingClient) -> None:
    """Given up after interval and patience; what was learnt is not trusted any more."""
    client.memory = {"safe": 600.0, "unsafe": 603.0}
    adaptive(client)
    client.advance(599 + 1 + 10 - 0.1)
    assert client.done == ["crlf 599"]
    client.advance(0.2)
    assert client.done == ["crlf 599", "crlf 24", "give up 1000 after 10", "resubscribe"]
    assert client.memory == {"safe": 25.0, "unsafe": None}
    assert len(client.probes) == 1
