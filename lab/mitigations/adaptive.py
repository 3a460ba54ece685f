"""Sends keep-alives at an interval that it learns from the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from lab.mitigations._interval_search import IntervalSearch
from lab.mitigations._silence import PING_LATE_S, PONG_WITHIN_S, Silence
from lab.mitigations.base import STREAMS, Client, ClientSide, Connection, Setting, Timer
from lab.units import Lasting, Seconds, WholeSeconds

_PING, _PONG = b"\r\n\r\n", b"\r\n"
_PATH_DOWN_S = 30.0
"""Pause before another attempt where not even a fresh connection answers: RFC 5626 §4.5, base-time-all-fail."""
_LONGEST_PAUSE_S = 1800.0
"""The pause doubles up to this: RFC 5626 §4.5, max-time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adaptive(ClientSide):
    """Ping as rarely as this network allows, and learn how rarely that is on a connection of its own.

    pjsip pings the SIP connection at the longest interval that is known to be safe, at first ``start``. Beside it a
    second connection to the server, on which nothing else happens, is left idle for twice that interval and then
    pinged. If the pong comes the interval is safe and is used from then on, and twice that is tried; if not, the truth
    lies between, and half-ways are tried until ``resolution`` is reached. A failure counts only if a fresh connection
    is answered right after it; otherwise the network is down, and the same interval is tried again later.

    What was learnt is remembered in a file, per client, and used from the start next time. When the SIP connection
    itself does not answer it is given up, the client subscribes anew (registers, if the account does not subscribe),
    and everything is learnt afresh from ``start``, as the network may be another one.

    pjsip's idle timer does not count pings; hold the transport or register. It needs a server that answers pings (RFC
    5626 §3.5.1): without any answer it stays at ``start`` and learns nothing.

    Attributes:
        start: interval assumed to be safe.
        longest: nothing above is tried.
        resolution: how close a safe and an unsafe interval need to get.
    """

    kind: ClassVar[str] = "adaptive"
    source: ClassVar[str] = "RFC 5626 §4.4; RFC 6223 §1; draft-ietf-pcp-optimize-keepalives"
    transports: ClassVar[tuple[str, ...]] = STREAMS
    sets: ClassVar[tuple[Setting, ...]] = (Setting.CRLF_INTERVAL,)

    start: WholeSeconds = Seconds(25)
    longest: WholeSeconds = Seconds(3600)
    resolution: Lasting = Seconds(5)

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.longest < self.start:
            raise ValueError(f"longest below start; at least `{self.start}`")

    def attach(self, client: Client) -> None:
        """Set the interval known to be safe, and start learning once the client is set up."""
        learning = _Learning(client, self)
        client.set_crlf_interval(learning.interval)
        client.on_set_up(learning.begin)


class _Learning:
    def __init__(self, client: Client, how: Adaptive) -> None:
        self._client = client
        self._how = how
        memory = client.recall()
        self._known = self._from(float(memory.get("safe", how.start)), memory.get("unsafe"))
        self._probe: _ProbeConnection | None = None
        self._silence = Silence(client, self._patience(), self._lost)

    @property
    def interval(self) -> int:
        """The interval to set in pjsip, which pings up to a second later."""
        return max(1, int(self._known.safe - PING_LATE_S))

    def _patience(self) -> float:
        return self.interval + PING_LATE_S + PONG_WITHIN_S

    def begin(self) -> None:
        candidate = self._known.candidate()
        if candidate is not None:
            self._probe = _ProbeConnection(self._client, candidate, self._learnt)

    def _lost(self, handle: int) -> None:
        """Handle a SIP connection that does not answer."""
        if self._probe is not None:
            self._probe.end()
        self._learn(self._from(float(self._how.start), None))
        self._client.give_up_transport(handle, after=PONG_WITHIN_S)
        self._client.resubscribe() if self._client.subscribes else self._client.reregister()
        self.begin()

    def _learnt(self, interval: float, *, safe: bool) -> None:
        from lab.record.events import IntervalTried  # reading a cell must not wait for msgspec

        self._client.emit(IntervalTried(interval=interval, safe=safe))
        self._learn(self._known.after(interval, safe=safe))
        self.begin()

    def _learn(self, known: IntervalSearch) -> None:
        from lab.record.events import IntervalUsed

        before, self._known = self.interval, known
        self._client.remember({"safe": known.safe, "unsafe": known.unsafe})
        if self.interval != before:
            self._client.change_crlf_interval(self.interval)
            self._silence.allow(self._patience())
            self._client.emit(IntervalUsed(interval=self.interval))

    def _from(self, safe: float, unsafe: float | None) -> IntervalSearch:
        return IntervalSearch(
            safe=safe, unsafe=unsafe, longest=float(self._how.longest), resolution=float(self._how.resolution)
        )


class _Phase(Enum):
    FRESH = "a connection is being made, and pinged at once"
    IDLE = "it has answered and is left alone"
    PINGED = "it has been pinged after that"


class _ProbeConnection:
    """Finds out whether one interval is safe: a connection that is pinged, left idle for it, and pinged again.

    Args:
        client: who connects.
        interval: seconds.
        done: called once, with the interval and whether it is safe.
    """

    def __init__(self, client: Client, interval: float, done: Callable[..., None]) -> None:
        self._client = client
        self._interval = interval
        self._done = done
        self._suspect = False  # it did not answer after the interval; a fresh connection is to confirm that
        self._pause = _PATH_DOWN_S
        self._open()

    def end(self) -> None:
        self._timer.cancel()
        self._connection.close()

    def _open(self) -> None:
        self._phase = _Phase.FRESH
        self._timer: Timer = self._client.after(PONG_WITHIN_S, self._failed)
        self._connection: Connection = self._client.connect(self._received, self._failed)

    def _received(self, data: bytes) -> None:
        if data == b"":
            self._connection.send(_PING)
        elif _PONG in data and self._phase is not _Phase.IDLE:
            self._timer.cancel()
            self._answered()

    def _answered(self) -> None:
        if self._suspect or self._phase is _Phase.PINGED:
            self.end()
            self._done(self._interval, safe=not self._suspect)
        else:
            self._phase = _Phase.IDLE
            self._timer = self._client.after(self._interval, self._ping)

    def _ping(self) -> None:
        self._phase = _Phase.PINGED
        self._timer = self._client.after(PONG_WITHIN_S, self._failed)
        self._connection.send(_PING)

    def _failed(self) -> None:
        """Handle a missing pong, a failed connection attempt, or an ended connection."""
        self.end()
        if self._phase is _Phase.FRESH:  # the path is down, or the server never answers: nothing to do with idling
            self._suspect = False
            self._timer = self._client.after(self._pause, self._open)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE_S)
        else:
            self._suspect = True
            self._open()
