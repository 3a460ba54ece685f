"""One pjsip user agent in this process, driven by events alone: no polling.

By default pjsua2 starts a worker thread, a media thread and a sound device, which wake up many times a second; none of
them is started here. The process sleeps in ``libHandleEvents`` until a packet, a command or one of pjsip's own timers
is due; a second thread, pjmedia's for its events, sleeps for good.

Objects of pjsua2 are held for the life of the agent: pjsip keeps bare pointers to them.
"""

from __future__ import annotations

import math
import os
import random
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pjsua2.pjsua2 as pj

from lab.actors.channel import Channel
from lab.actors.pjsip.guard import guarded
from lab.actors.pjsip.library import Library, use_hosts_file_only
from lab.actors.pjsip.transports import Transports
from lab.errors import LabFault
from lab.mitigations.base import TransportState
from lab.model.scenario import Account as AccountKind
from lab.model.scenario import Transport as TransportKind

_LONGEST_WAIT_MS = 2**31 - 1  # what fits an int of C; pjsip shortens it to its next timer
_LOG_EVERYTHING = 5

_TRANSPORT_TYPES = {
    TransportKind.UDP: pj.PJSIP_TRANSPORT_UDP,
    TransportKind.TCP: pj.PJSIP_TRANSPORT_TCP,
    TransportKind.TLS: pj.PJSIP_TRANSPORT_TLS,
}
_TRANSPORT_STATES = {
    pj.PJSIP_TP_STATE_CONNECTED: TransportState.CONNECTED,
    pj.PJSIP_TP_STATE_DISCONNECTED: TransportState.DISCONNECTED,
    pj.PJSIP_TP_STATE_SHUTDOWN: TransportState.SHUTDOWN,
    pj.PJSIP_TP_STATE_DESTROY: TransportState.DESTROYED,
}
_SUBSCRIPTION_STATES = {
    pj.PJSIP_EVSUB_STATE_PENDING: "pending",
    pj.PJSIP_EVSUB_STATE_ACTIVE: "active",
    pj.PJSIP_EVSUB_STATE_TERMINATED: "terminated",
}

_CANCELLED = 70014  # PJ_ECANCELLED: the error of every transport that was told to end, whatever the reason
_TLS_CLOSED = 470006  # PJ_SSL_ERRNO_START + SSL_ERROR_ZERO_RETURN, which pjsip's own text calls "EVP lib"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the user agent is told at its start.

    Attributes:
        server, port: the outbound proxy all requests go to; an IPv4 address.
        transport: to the proxy; listens on it as well.
        account: whether it registers before it subscribes.
        ca: PEM file that must vouch for the server's certificate; None: any certificate will do.
        seed: decides all that pjsip and Python draw: Call-IDs, tags, branches, the instance id.
        user, peer: user parts of its own address and of the presentity it subscribes to.
        domain: host part of both.
        log: file for pjsip's log, appended to; each line starts with CLOCK_MONOTONIC in seconds, as in events.
    """

    server: str
    port: int
    transport: TransportKind
    account: AccountKind
    ca: str | None
    seed: int
    user: str
    peer: str
    domain: str
    log: str


class UserAgent:
    """A user agent; offers ``lab.mitigations.base.Client`` to mitigations.

    Args:
        channel: where events go.
        settings: see there.

    Raises:
        LabFault: the library is not the one this was written for.
    """

    def __init__(self, channel: Channel, settings: Settings) -> None:
        self.library = Library()
        self._channel = channel
        self._settings = settings
        self._proxy = f"sip:{settings.server}:{settings.port};transport={settings.transport.value};lr"
        self._stopping = False
        self._transports = Transports(self.emit, self.library.transport)
        self._on_subscribed: list[Callable[[], None]] = []
        self._subscription = ""
        self._subscribed = False
        self._timers: dict[int, tuple[Any, Callable[[], None]]] = {}
        self._options: dict[int, tuple[Any, int]] = {}
        self._options_sent = 0
        self._log = _Log(settings.log, self._transports.on_log)
        self._endpoint = _Endpoint(self)
        self._account = _Account(self)
        self._buddy = _Buddy(self)

    # What mitigations see

    def emit(self, ev: str, **fields: Any) -> None:
        """Write an event to the record, unless the agent is stopping: what it tears down then is no observation."""
        if not self._stopping:
            self._channel.emit(ev, **fields)

    def on_subscribed(self, callback: Callable[[], None]) -> None:
        """See ``Client``."""
        self._on_subscribed.append(callback)

    def on_transport(self, callback: Callable[[int, TransportState], None]) -> None:
        """See ``Client``."""
        self._transports.watch(callback)

    def every(self, interval: float, callback: Callable[[], None]) -> None:
        """See ``Client``; does not drift."""
        due = time.monotonic()

        def tick() -> None:
            schedule()
            callback()

        def schedule() -> None:
            nonlocal due
            due += interval
            self._call_at(due, tick)

        schedule()

    def send_options(self) -> None:
        """See ``Client``."""
        self._options_sent += 1
        request = pj.SendRequestParam()
        request.method = "OPTIONS"
        request.txOption.targetUri = self._proxy  # 2.15.1 takes it from here alone: pjproject #4298
        request.userData, address = _token()
        self._options[address] = (request.userData, self._options_sent)
        self.emit("options-sent", n=self._options_sent)
        try:
            self._account.sendRequest(request)
        except pj.Error:
            if address in self._options:
                raise
            # else: it failed at once, as without a route, and pjsip has said so by its callback already

    def add_transport_ref(self, handle: int) -> None:
        """See ``Client``."""
        self.library.add_transport_ref(handle)
        self._transports.on_ref(handle, held=True)

    def release_transport_ref(self, handle: int) -> None:
        """See ``Client``."""
        self.library.release_transport_ref(handle)
        self._transports.on_ref(handle, held=False)

    # Its life

    def start(self) -> None:
        """Start pjsip, say ``ready``, and set up the account.

        Raises:
            LabFault: pjsip could not be started; says what it said.
        """
        try:
            self._start_endpoint()
            self.emit("ready", version=self.library.version)
            self._start_account()
        except pj.Error as error:
            raise LabFault("starting pjsip", detail=error.info()) from error

    def run(self) -> None:
        """Handle events until ``stop``.

        Raises:
            LabFault: pjsip's event loop failed.
        """
        while not self._stopping:
            handled = self._endpoint.libHandleEvents(_LONGEST_WAIT_MS)
            if handled < 0:
                raise LabFault("pjsip's event loop", detail=self._endpoint.utilStrError(-handled))

    def stop(self) -> None:
        """End ``run`` once the event being handled is done."""
        self._stopping = True

    def close(self) -> None:
        """Take pjsip down without sending anything; its connections are closed."""
        self._stopping = True
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def _start_endpoint(self) -> None:
        settings, endpoint = self._settings, self._endpoint
        use_hosts_file_only()
        endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.medConfig.threadCnt = 0
        config.medConfig.hasIoqueue = False
        config.logConfig.level = config.logConfig.consoleLevel = _LOG_EVERYTHING
        config.logConfig.decor &= ~(pj.PJ_LOG_HAS_TIME | pj.PJ_LOG_HAS_MICRO_SEC)
        config.logConfig.writer = self._log
        self._log.__disown__()  # the endpoint deletes it
        endpoint.libInit(config)
        endpoint.audDevManager().setNoDev()
        transport = pj.TransportConfig()
        transport.boundAddress = _address_towards(settings.server)
        transport.tlsConfig.CaListFile = settings.ca or ""
        transport.tlsConfig.verifyServer = settings.ca is not None
        endpoint.transportCreate(_TRANSPORT_TYPES[settings.transport], transport)
        endpoint.libStart()
        self.library.seed(settings.seed)
        random.seed(settings.seed)

    def _start_account(self) -> None:
        settings = self._settings
        account = pj.AccountConfig()
        account.idUri = f"sip:{settings.user}@{settings.domain}"
        account.sipConfig.proxies.append(self._proxy)
        account.natConfig.sipOutboundInstanceId = _instance_id(settings.seed)
        account.regConfig.randomRetryIntervalSec = 0
        if settings.account is AccountKind.REGISTER:
            account.regConfig.registrarUri = f"sip:{settings.domain}"
        self._account.create(account)
        buddy = pj.BuddyConfig()
        buddy.uri = f"sip:{settings.peer}@{settings.domain}"
        self._buddy.create(self._account, buddy)
        if settings.account is AccountKind.SUBSCRIBE:
            self._buddy.subscribePresence(True)  # noqa: FBT003  (pjsua2's)

    # What pjsip says

    def transport_state(self, event: Any) -> None:
        """A transport changed state."""
        if event.type == "UDP" or self._stopping:
            return
        state = _TRANSPORT_STATES[event.state]
        self._transports.on_state(
            int(event.hnd), state, type=event.type.lower(), error=self._error_text(event.lastError)
        )

    def timer(self, address: int) -> None:
        """A timer is due."""
        _, callback = self._timers.pop(address)
        callback()

    def registration(self, event: Any) -> None:
        """A REGISTER was answered, or failed."""
        self.emit("registration", code=event.code, reason=event.reason, expires=event.expiration)
        if event.code == 200 and not self._subscription:
            self._subscription = "sent"
            self._buddy.subscribePresence(True)  # noqa: FBT003  (pjsua2's)

    def subscription(self, info: Any, *, by_notify: bool) -> None:
        """The presence subscription changed, or a NOTIFY came in for it."""
        state = _SUBSCRIPTION_STATES.get(info.subState, self._subscription)
        if state != self._subscription:
            self._subscription = state
            self.emit("subscription", state=state, reason=info.subTermReason, code=info.subTermCode)
        if not by_notify:
            return
        self.emit("notify", note=info.presStatus.note)
        if state == "active" and not self._subscribed:
            self._subscribed = True
            self.emit("subscribed")
            for callback in self._on_subscribed:
                callback()

    def options_answer(self, address: int, code: int, reason: str) -> None:
        """An OPTIONS was answered, or failed (408 if there was no answer within Timer F)."""
        _, number = self._options.pop(address)
        self.emit("options-answer", n=number, code=code, reason=reason)

    def _error_text(self, status: int) -> str:
        if status == _TLS_CLOSED:
            return "TLS closed by the other side (close_notify)"
        return "" if status in (0, _CANCELLED) else str(self._endpoint.utilStrError(status))

    def _call_at(self, moment: float, callback: Callable[[], None]) -> None:
        token, address = _token()
        self._timers[address] = (token, callback)
        self._endpoint.utilTimerSchedule(max(0, math.ceil((moment - time.monotonic()) * 1000)), token)


class _Endpoint(pj.Endpoint):  # type: ignore[misc]  # pjsua2 has no types
    def __init__(self, agent: UserAgent) -> None:
        super().__init__()
        self._agent = agent

    @guarded
    def onTransportState(self, prm: Any) -> None:  # noqa: N802  (pjsua2's name, as below)
        self._agent.transport_state(prm)

    @guarded
    def onTimer(self, prm: Any) -> None:  # noqa: N802
        self._agent.timer(int(prm.userData))


class _Account(pj.Account):  # type: ignore[misc]
    def __init__(self, agent: UserAgent) -> None:
        super().__init__()
        self._agent = agent

    @guarded
    def onRegState(self, prm: Any) -> None:  # noqa: N802
        self._agent.registration(prm)

    @guarded
    def onSendRequest(self, prm: Any) -> None:  # noqa: N802
        transaction = prm.e.body.tsxState.tsx
        self._agent.options_answer(int(prm.userData), transaction.statusCode, transaction.statusText)


class _Buddy(pj.Buddy):  # type: ignore[misc]
    def __init__(self, agent: UserAgent) -> None:
        super().__init__()
        self._agent = agent

    @guarded
    def onBuddyEvSubState(self, prm: Any) -> None:  # noqa: N802
        change = prm.e.body.tsxState
        by_notify = (
            prm.e.type == pj.PJSIP_EVENT_TSX_STATE
            and change.type == pj.PJSIP_EVENT_RX_MSG
            and change.tsx.method == "NOTIFY"
        )
        self._agent.subscription(self.getInfo(), by_notify=by_notify)


class _Log(pj.LogWriter):  # type: ignore[misc]
    """Writes each line at once, without buffering, so that the last ones before an abort are there."""

    def __init__(self, path: str, on_line: Callable[[str], None]) -> None:
        super().__init__()
        self._on_line = on_line
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    @guarded
    def write(self, entry: Any) -> None:
        line = entry.msg
        os.write(self._file, f"{time.monotonic():.6f} {line}".encode("utf-8", "surrogateescape"))
        self._on_line(line)


def _token() -> tuple[Any, int]:
    """User data for pjsip, which only carries pointers to wrapped objects: an object and its address."""
    token = pj.IntVector()
    return token, int(token.this)


def _address_towards(server: str) -> str:
    """The local address that packets to the server leave from; sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((server, 9))  # any port
        except OSError as error:
            raise LabFault(f"finding the client's address towards {server}", detail=str(error)) from error
        return str(sock.getsockname()[0])


def _instance_id(seed: int) -> str:
    """A ``+sip.instance`` value (RFC 5626 §4.1): pjsip's own is a hash of the host's name, the same in every node."""
    digits = f"{random.Random(seed).getrandbits(128):032x}"  # noqa: S311  (reproducible, not secret)
    return f"<urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}>"
