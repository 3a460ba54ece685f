"""Notes what the mitigations of a strategy set, by attaching them to a client and a server that do nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lab.mitigations.base import ClientSide, GivingUp, Mitigation, Ping, ServerSide, Setting, SocketOption
from lab.model.scenario import Strategy


@dataclass(frozen=True)
class Ported:
    """A mitigation that is more than settings.

    Attributes:
        kind: its name in scenarios.
        module: its file in the lab.
        what: what it does, the first sentence of its documentation.
    """

    kind: str
    module: str
    what: str


@dataclass
class ClientSettings:
    """The settings that a strategy makes in a client.

    Attributes:
        tsx_ms: T1 and T2 in milliseconds; None: pjsip's own.
        stays_on_udp: large requests do not switch to TCP.
        crlf_s: interval of the CRLF keep-alive over TCP and TLS; None: pjsip's own.
        idle_s: idle time of a connection; None: pjsip's own.
        socket_options: by option.
        register_s: expiry of the registration that it adds; None: it adds none.
        account: fields of ``pjsua2.AccountConfig``, by path.
        periodic: what is done again and again: interval in seconds, name of the method of ``base.Client``.
        ported: the mitigations that are more than settings.
    """

    tsx_ms: tuple[int, int] | None = None
    stays_on_udp: bool = False
    crlf_s: int | None = None
    idle_s: int | None = None
    socket_options: dict[SocketOption, int] = field(default_factory=dict)
    register_s: int | None = None
    account: dict[str, int | str] = field(default_factory=dict)
    periodic: list[tuple[float, str]] = field(default_factory=list)
    ported: list[Ported] = field(default_factory=list)


@dataclass
class ServerSettings:
    """The settings that a strategy makes in a server.

    Attributes:
        subscription_s: expiry granted at most; None: the server's own.
        outbound: SIP outbound is supported.
        flow_timer_s: value of Flow-Timer; None: none is sent.
        keep_alives: what is sent on each flow: interval in seconds; ``options``, ``crlf`` or ``ws-ping``.
        deaths: as ``keep_alives``, and when a client that does not answer is given up.
        push_wait_s: for how long a request is held for a push message; None: none is.
    """

    subscription_s: int | None = None
    outbound: bool = False
    flow_timer_s: int | None = None
    keep_alives: list[tuple[float, str]] = field(default_factory=list)
    deaths: list[tuple[float, str, GivingUp]] = field(default_factory=list)
    push_wait_s: float | None = None


def client_settings(strategy: Strategy) -> ClientSettings | None:
    """Return what the strategy sets in a client; None: nothing."""
    ours = [one for one in strategy.mitigations if isinstance(one, ClientSide)]
    noted = ClientSettings()
    for one in ours:
        client = _Client(noted)
        one.attach(client)  # type: ignore[arg-type]  # it has all of a client's methods, most by __getattr__
        if client.hooked:
            noted.ported.append(_ported(one))
    return noted if ours else None


def server_settings(strategy: Strategy) -> ServerSettings | None:
    """Return what the strategy sets in a server; None: nothing."""
    theirs = [one for one in strategy.mitigations if isinstance(one, ServerSide)]
    noted = ServerSettings()
    for one in theirs:
        one.attach(_Server(noted))
    return noted if theirs else None


def _ported(one: Mitigation) -> Ported:
    what = inspect.cleandoc(type(one).__doc__ or "").split("\n\n")[0]
    module = type(one).__module__.replace(".", "/")
    return Ported(one.kind, f"{module}.py", " ".join(what.split()).partition(". ")[0].rstrip("."))


class _Fields:
    """Notes assignments to the fields of an ``AccountConfig``, by path."""

    def __init__(self, noted: dict[str, int | str], path: str = "") -> None:
        object.__setattr__(self, "_noted", noted)
        object.__setattr__(self, "_path", path)

    def __getattr__(self, name: str) -> _Fields:
        return _Fields(self._noted, f"{self._path}{name}.")  # type: ignore[arg-type]  # they are in __dict__

    def __setattr__(self, name: str, value: int | str) -> None:
        self._noted[f"{self._path}{name}"] = value  # type: ignore[operator]


class _Nothing:
    """A timer, a connection: takes every call."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


class _Client:
    """Implements ``lab.mitigations.base.Client``.

    Attributes:
        hooked: whether the mitigation reacts to events, so that it is more than settings.
    """

    subscribes = True

    def __init__(self, noted: ClientSettings) -> None:
        self.random = Random(0)  # noqa: S311  (jitter)
        self.hooked = False
        self._noted = noted

    def set_tsx_timers(self, *, t1: float, t2: float) -> None:
        self._noted.tsx_ms = round(t1 * 1000), round(t2 * 1000)

    def disable_tcp_switch(self) -> None:
        self._noted.stays_on_udp = True

    def set_crlf_interval(self, interval: float) -> None:
        self._noted.crlf_s = round(interval)

    def set_idle_time(self, time: float) -> None:
        self._noted.idle_s = round(time)

    def set_socket_option(self, option: SocketOption, value: int) -> None:
        self._noted.socket_options[option] = value

    def register(self, expires: float) -> None:
        self._noted.register_s = round(expires)

    def configure_account(self, setting: Setting, change: Callable[[Any], None]) -> None:  # noqa: ARG002
        change(_Fields(self._noted.account))

    def on_set_up(self, callback: Callable[[], object]) -> None:
        callback()

    def every(self, interval: float, callback: Callable[[], None]) -> _Nothing:
        self._noted.periodic.append((float(interval), callback.__name__))
        return _Nothing()

    def send_options(self) -> None: ...

    def resubscribe(self) -> None: ...

    def refresh_subscription(self) -> None: ...

    def recall(self) -> dict[str, Any]:
        return {}

    def now(self) -> float:
        return 0.0

    def __getattr__(self, name: str) -> Callable[..., _Nothing]:
        def noted(*_: Any, **__: Any) -> _Nothing:
            self.hooked = True
            return _Nothing()

        return noted


class _Server:
    """Implements ``lab.mitigations.base.Server``."""

    def __init__(self, noted: ServerSettings) -> None:
        self._noted = noted
        self._interval = 0.0

    def limit_subscriptions(self, expires: float) -> None:
        self._noted.subscription_s = round(expires)

    def support_outbound(self, *, flow_timer: float | None = None) -> None:
        self._noted.outbound = True
        self._noted.flow_timer_s = self._noted.flow_timer_s if flow_timer is None else round(flow_timer)

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:
        self._interval = float(interval)
        send("")

    def send_options(self, flow: str, *, retransmits: bool = True) -> None:  # noqa: ARG002
        self._noted.keep_alives.append((self._interval, "options"))

    def hold_for_push(self, *, wait: float, quiet_after: float, priority: str) -> None:  # noqa: ARG002  (a host takes them)
        self._noted.push_wait_s = float(wait)

    def send_crlf(self, flow: str) -> None:  # noqa: ARG002
        self._noted.keep_alives.append((self._interval, "crlf"))

    def send_ping_frames(self, interval: float) -> None:
        self._noted.keep_alives.append((float(interval), "ws-ping"))

    def detect_death(self, interval: float, ping: Ping, giving_up: GivingUp, *, retransmits: bool = True) -> None:  # noqa: ARG002
        self._noted.deaths.append((float(interval), ping, giving_up))
