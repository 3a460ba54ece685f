"""A client that only records what a mitigation does; the test plays pjsip and the clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any

from lab.mitigations.base import Answer, Setting, SocketOption, TransportState
from lab.record.events import ClientEvent


class Call:
    """A pending call."""

    def __init__(self, callback: Callable[[], None], interval: float | None = None) -> None:
        self.callback = callback
        self.interval = interval
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Probe:
    """A connection beside those of pjsip; the test plays the server."""

    def __init__(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self.on_data = on_data
        self.on_end = on_end
        self.sent: list[bytes] = []
        self.closed = False

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self) -> None:
        self.closed = True


class RecordingClient:
    """Implements ``lab.mitigations.base.Client``; ``done`` is what was done, in order, ``t`` the time."""

    def __init__(self, seed: int = 1) -> None:
        self.random = Random(seed)
        self.t = 0.0
        self.done: list[str] = []
        self.events: list[ClientEvent] = []
        self.options: dict[SocketOption, int] = {}
        self.account_changes: list[Callable[[Any], None]] = []
        self.probes: list[Probe] = []
        self.memory: dict[str, Any] = {}
        self.settings: dict[str, float] = {}
        self._subscribed: list[Callable[[], object]] = []
        self._transport: list[Callable[[int, TransportState], None]] = []
        self._received: list[Callable[[int, bytes], None]] = []
        self._pushes: list[Callable[[], object]] = []
        self._answer: list[Callable[[Answer], None]] = []
        self._ip_change: list[Callable[[], object]] = []
        self.source = "10.0.0.2"
        self.subscribes = True
        self._subscription: list[Callable[[str, int], None]] = []
        self._calls: list[tuple[float, int, Call]] = []
        self._number = count()

    # What the test plays

    def advance(self, seconds: float) -> None:
        """Let time pass; what becomes due is called."""
        end = self.t + seconds
        while self._calls and self._calls[0][0] <= end:
            self.t, _, call = heapq.heappop(self._calls)
            if call.cancelled:
                continue
            if call.interval is not None:
                self._push(call.interval, call)
            call.callback()
        self.t = end

    def subscribed(self) -> None:
        for callback in self._subscribed:
            callback()

    def transport(self, handle: int, *states: TransportState) -> None:
        for state in states:
            for callback in self._transport:
                callback(handle, state)

    def received(self, handle: int, data: bytes = b"\r\n") -> None:
        for callback in self._received:
            callback(handle, data)

    def pushed(self) -> None:
        for callback in self._pushes:
            callback()

    def answer(self, method: str, code: int) -> None:
        for callback in self._answer:
            callback(Answer(method=method, code=code))

    def subscription(self, state: str, code: int = 0) -> None:
        for callback in self._subscription:
            callback(state, code)

    def ip_changed(self) -> None:
        for callback in self._ip_change:
            callback()

    # What mitigations see

    def set_tsx_timers(self, *, t1: float, t2: float) -> None:
        self.done.append(f"t1 {t1:g} t2 {t2:g}")

    def disable_tcp_switch(self) -> None:
        self.done.append("disable tcp switch")

    def set_crlf_interval(self, interval: float) -> None:
        self.settings["crlf"] = interval
        self.done.append(f"crlf {interval:g}")

    def set_idle_time(self, time: float) -> None:
        self.done.append(f"idle {time:g}")

    def set_socket_option(self, option: SocketOption, value: int) -> None:
        self.options[option] = value

    def register(self, expires: float) -> None:
        self.done.append(f"register {expires:g}")

    def configure_account(self, setting: Setting, change: Callable[[Any], None]) -> None:
        self.done.append(f"account: {setting.value}")
        self.account_changes.append(change)

    def on_set_up(self, callback: Callable[[], object]) -> None:
        self._subscribed.append(callback)

    def on_transport(self, callback: Callable[[int, TransportState], None]) -> None:
        self._transport.append(callback)

    def on_received(self, callback: Callable[[int, bytes], None]) -> None:
        self._received.append(callback)

    def on_answer(self, callback: Callable[[Answer], None]) -> None:
        self._answer.append(callback)

    def on_subscription(self, callback: Callable[[str, int], None]) -> None:
        self._subscription.append(callback)

    def on_push(self, callback: Callable[[], object]) -> None:
        self._pushes.append(callback)

    def drop_connections(self) -> None:
        self.done.append("drop connections")

    def handle_ip_change(self) -> None:
        self.done.append("handle ip change")

    def on_ip_change(self, callback: Callable[[], object]) -> None:
        self._ip_change.append(callback)

    def every(self, interval: float, callback: Callable[[], None]) -> Call:
        return self._push(interval, Call(callback, interval))

    def after(self, delay: float, callback: Callable[[], None]) -> Call:
        return self._push(delay, Call(callback))

    def now(self) -> float:
        return self.t

    def emit(self, event: ClientEvent) -> None:
        self.events.append(event)

    def change_crlf_interval(self, interval: float) -> None:
        self.settings["crlf"] = interval
        self.done.append(f"crlf {interval:g}")

    def send_options(self) -> None:
        self.done.append("OPTIONS")

    def resubscribe(self) -> None:
        self.done.append("resubscribe")

    def refresh_subscription(self) -> None:
        self.done.append("refresh")

    def reregister(self) -> None:
        self.done.append("reregister")

    def source_address(self) -> str:
        return self.source

    def take_ip_change(self) -> None:
        self.done.append("ip change")

    def give_up_transport(self, handle: int, *, after: float) -> None:
        self.done.append(f"give up {handle:x} after {after:g}")

    def add_transport_ref(self, handle: int) -> None:
        self.done.append(f"+{handle:x}")

    def release_transport_ref(self, handle: int) -> None:
        self.done.append(f"-{handle:x}")

    def connect(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> Probe:
        self.probes.append(Probe(on_data, on_end))
        return self.probes[-1]

    def recall(self) -> dict[str, Any]:
        return self.memory

    def remember(self, memory: dict[str, Any]) -> None:
        self.memory = memory

    def _push(self, delay: float, call: Call) -> Call:
        heapq.heappush(self._calls, (self.t + delay, next(self._number), call))
        return call
