"""Runs one pjsip user agent in this process, driven by events only; it never polls.

By default pjsua2 starts a worker thread, a media thread and a sound device, which wake up many times a second; none of
them is started here. The process sleeps in ``libHandleEvents`` until a packet, a command or one of pjsip's own timers
is due; a second thread, pjmedia's for its events, sleeps for good.

Objects of pjsua2 are held for the life of the agent: pjsip keeps bare pointers to them.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable
from typing import Any

import msgspec

from lab.actors.channel import Channel
from lab.clients.pjsip import log_reader
from lab.clients.pjsip.account import account_config
from lab.clients.pjsip.callbacks import Account, Buddy, Endpoint, IncomingCall, Log
from lab.clients.pjsip.endpoint import endpoint_config, transport_config
from lab.clients.pjsip.ip_change import IpChange
from lab.clients.pjsip.library import Library, use_hosts_file_only
from lab.clients.pjsip.pjsua2_wheel import pj
from lab.clients.pjsip.server_connection import ServerConnection
from lab.clients.pjsip.settings import Settings
from lab.clients.pjsip.sockets import SocketOptions
from lab.clients.pjsip.subscription import Subscription
from lab.clients.pjsip.timers import Call, Timers, carried
from lab.clients.pjsip.transports import Transports, error_text
from lab.errors import LabFault
from lab.mitigations.base import Answer, Setting, SocketOption, TransportState
from lab.model.scenario import Transport as TransportKind
from lab.record.events import (
    ClientEvent,
    ClientReady,
    OptionsAnswer,
    OptionsSent,
    PushReceived,
    Registered,
    Registration,
    RegistrationRefused,
    SettingMade,
    SocketOptionSet,
)
from lab.sip.call import RING
from lab.sip.status import is_success

_LONGEST_WAIT_MS = 2**31 - 1  # what fits an int of C; pjsip shortens it to its next timer

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

_RING = re.compile(rf"^{RING}: ([\d.]+)\r?$", re.MULTILINE)


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
        self.random = random.Random(settings.seed)  # noqa: S311  (reproducible, not secret)
        self.subscription = Subscription(self.emit, self.library, self._set_up)
        self._channel = channel
        self._settings = settings
        self._started = self._stopping = self._is_registered = False
        self._transports = Transports(
            self.emit, self.library.transport, logs_idle_end=self.library.release.logs_idle_end
        )
        self._transports.watch(self._check_socket)
        self._socket_options = SocketOptions()
        self._set: set[Setting] = set()
        self._account_changes: list[Callable[[Any], None]] = []
        self._registers, self.subscribes = settings.account.registers, settings.account.subscribes
        self._on_set_up: list[Callable[[], object]] = []
        self._expires: int | None = None
        self._on_received: list[Callable[[int, bytes], None]] = []
        self._on_push: list[Callable[[], object]] = []

        self._on_answer = self.subscription.on_answer
        self._options: dict[int, tuple[Any, int]] = {}
        self._options_sent = self._registrations = 0
        self._log = Log(settings.log, self._logged)
        self._endpoint = Endpoint(self)
        self._ip_change = IpChange(self._endpoint, self.emit)
        self.timers = Timers(self._endpoint)
        self._account = Account(self)
        self._buddy = self.subscription.buddy = Buddy(self)
        self._calls: list[IncomingCall] = []

    # What mitigations see: see `Client`

    def set_tsx_timers(self, *, t1: float, t2: float) -> None:  # noqa: D102
        self._take(Setting.TSX_TIMERS, t1=t1, t2=t2)
        self.library.set_tsx_timers(t1=round(t1 * 1000), t2=round(t2 * 1000))

    def disable_tcp_switch(self) -> None:  # noqa: D102
        self._take(Setting.TCP_SWITCH)
        self.library.disable_tcp_switch()

    def set_crlf_interval(self, interval: float) -> None:  # noqa: D102
        self._take(Setting.CRLF_INTERVAL, interval=interval)
        self.library.set_crlf_interval(round(interval))

    def set_idle_time(self, time: float) -> None:  # noqa: D102
        self._take(Setting.IDLE_TIME, time=time)
        self.library.set_idle_time(round(time))

    def set_socket_option(self, option: SocketOption, value: int) -> None:  # noqa: D102
        self._check_not_started(option.name)
        self._socket_options.add(option, value)

    def register(self, expires: float) -> None:  # noqa: D102
        self._take(Setting.EXPIRY, expires=expires)
        self._registers, self._expires = True, round(expires)

    def configure_account(self, setting: Setting, change: Callable[[Any], None]) -> None:  # noqa: D102
        self._take(setting)
        self._account_changes.append(change)

    def on_set_up(self, callback: Callable[[], object]) -> None:  # noqa: D102
        self._on_set_up.append(callback)

    def on_transport(self, callback: Callable[[int, TransportState], None]) -> None:  # noqa: D102
        self._transports.watch(callback)

    def on_received(self, callback: Callable[[int, bytes], None]) -> None:  # noqa: D102
        self._on_received.append(callback)

    def on_answer(self, callback: Callable[[Answer], None]) -> None:  # noqa: D102
        self._on_answer.append(callback)

    def on_subscription(self, callback: Callable[[str, int], None]) -> None:  # noqa: D102
        self.subscription.on_state.append(callback)

    def on_push(self, callback: Callable[[], object]) -> None:  # noqa: D102
        self._on_push.append(callback)

    def on_ip_change(self, callback: Callable[[], object]) -> None:  # noqa: D102
        self._ip_change.reactions.append(callback)

    def every(self, interval: float, callback: Callable[[], None]) -> Call:  # noqa: D102
        return self.timers.every(interval, callback)

    def after(self, delay: float, callback: Callable[[], None]) -> Call:  # noqa: D102
        return self.timers.after(delay, callback)

    def now(self) -> float:  # noqa: D102
        return time.monotonic()

    def emit(self, event: ClientEvent) -> None:
        """Write an event to the record, unless the agent is stopping: what it tears down then is no observation."""
        if not self._stopping:
            self._channel.emit(event)

    def change_crlf_interval(self, interval: float) -> None:  # noqa: D102
        self.library.set_crlf_interval(round(interval))

    def send_options(self) -> None:  # noqa: D102
        self._options_sent += 1
        request = pj.SendRequestParam()
        request.method = "OPTIONS"
        request.txOption.targetUri = self._settings.proxy  # 2.15.1 takes it from here alone: pjproject #4298
        request.userData, address = carried()
        self._options[address] = (request.userData, self._options_sent)
        self.emit(OptionsSent(n=self._options_sent))
        try:
            self._account.sendRequest(request)
        except pj.Error:
            if address in self._options:
                raise
            # else: it failed at once, as without a route, and pjsip has said so by its callback already

    def resubscribe(self) -> None:  # noqa: D102
        if self.subscribes:
            self.subscription.renew()

    def refresh_subscription(self) -> None:  # noqa: D102
        self.subscription.refresh()

    def reregister(self) -> None:  # noqa: D102
        if not self._registers:
            return
        said = self._registrations
        try:
            self._account.setRegistration(True)
        except pj.Error as error:
            if self._registrations == said:  # another REGISTER is under way
                self.emit(RegistrationRefused(reason=error.reason))
            # else: it failed at once, as without a route, and pjsip has said so by its callback already

    def drop_connections(self) -> None:  # noqa: D102
        for handle in self._transports.alive():
            self.library.shutdown_transport(handle)

    def source_address(self) -> str:  # noqa: D102
        return self._settings.source_address()

    def give_up_transport(self, handle: int, *, after: float) -> None:  # noqa: D102
        if self._transports.give_up(handle, after=after):
            self.library.shutdown_transport(handle)

    def add_transport_ref(self, handle: int) -> None:  # noqa: D102
        self.library.add_transport_ref(handle)
        self._transports.on_ref(handle, held=True)

    def release_transport_ref(self, handle: int) -> None:  # noqa: D102
        self.library.release_transport_ref(handle)
        self._transports.on_ref(handle, held=False)

    def connect(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> ServerConnection:  # noqa: D102
        return ServerConnection(self.library, self._settings, on_data, on_end)

    def recall(self) -> dict[str, Any]:  # noqa: D102
        path = self._settings.memory
        memory: dict[str, Any] = json.loads(path.read_text("utf-8") or "{}") if path.exists() else {}
        return memory

    def remember(self, memory: dict[str, Any]) -> None:  # noqa: D102
        self._settings.memory.write_text(json.dumps(memory), "utf-8")

    # Its life

    def start(self) -> None:
        """Start pjsip, say so, and set up the account.

        Raises:
            LabFault: pjsip could not be started; says what it said.
        """
        self._started = True
        try:
            self._start_endpoint()
            self.emit(ClientReady(version=self.library.version))
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
        endpoint.libInit(endpoint_config(settings, self._log))
        endpoint.audDevManager().setNoDev()
        if self._on_received:
            self.library.watch_received(self._received)
        transport = transport_config(settings)
        self._socket_options.pass_to(transport)
        endpoint.transportCreate(_TRANSPORT_TYPES[settings.transport], transport)
        endpoint.libStart()
        self.library.seed(settings.seed)
        random.seed(settings.seed)

    def _start_account(self) -> None:
        settings = self._settings
        account = account_config(settings, registers=self._registers, expires=self._expires)
        for change in self._account_changes:
            change(account)
        self._account.create(account)
        buddy = pj.BuddyConfig()
        buddy.uri = f"sip:{settings.peer}@{settings.domain}"
        self._buddy.create(self._account, buddy)
        if not self._registers:
            self.subscription.begin()

    def _take(self, setting: Setting, **values: float) -> None:
        """Write a setting to the record.

        Raises:
            LabFault: it is too late for it, or it was made before.
        """
        self._check_not_started(setting.value)
        if setting in self._set:
            raise LabFault(f"setting the {setting.value}", detail="two mitigations set it")
        self._set.add(setting)
        made = SettingMade(name=setting.name.lower().replace("_", "-"))
        self.emit(msgspec.structs.replace(made, **values))

    def _check_not_started(self, what: str) -> None:
        if self._started:
            raise LabFault(f"setting {what}", detail="pjsip runs already; settings are made in `attach`")

    def pushed(self) -> None:
        """Handle a push message."""
        self.emit(PushReceived())
        for callback in self._on_push:
            callback()

    def take_ip_change(self) -> None:  # noqa: D102
        self._ip_change.take()

    def handle_ip_change(self) -> None:  # noqa: D102
        self._ip_change.handle()

    # What pjsip says

    def _logged(self, entry: str) -> None:
        self._transports.on_log(entry)
        if (message := log_reader.message(entry)) is not None:
            if (sent := log_reader.request_sent(message)) is not None:
                self.emit(sent)
            self.emit(message)

    def transport_state(self, event: Any) -> None:
        """Handle a new state of a transport."""
        if event.type == "UDP" or self._stopping:
            return
        state = _TRANSPORT_STATES[event.state]
        self._transports.on_state(
            int(event.hnd), state, type=event.type.lower(), error=error_text(event.lastError, self._endpoint)
        )

    def registration(self, event: Any) -> None:
        """Handle the result of a REGISTER."""
        self._registrations += 1
        self.emit(Registration(code=event.code, reason=event.reason, expires=event.expiration))
        self._answered("REGISTER", event.code)
        if is_success(event.code) and not self._is_registered:
            self._is_registered = True
            self.emit(Registered())
            if self.subscribes:
                self.subscription.begin()
            else:
                self._set_up()

    def _set_up(self) -> None:
        """Tell the mitigations that the account is set up."""
        for callback in self._on_set_up:
            callback()

    def options_answer(self, address: int, code: int, reason: str) -> None:
        """Handle the result of an OPTIONS (408 if there was no answer within Timer F)."""
        _, number = self._options.pop(address)
        self.emit(OptionsAnswer(n=number, code=code, reason=reason))
        self._answered("OPTIONS", code)

    def incoming_call(self, number: int, invite: str) -> None:
        """Accept a call of the server, after ringing for as long as the INVITE asks for."""
        call = IncomingCall(self, self._account, number)
        self._calls.append(call)
        if (wish := _RING.search(invite)) is None:
            call.accept()
            return
        call.ring()
        self.after(float(wish[1]), call.accept)

    def _answered(self, method: str, code: int) -> None:
        for callback in self._on_answer:
            callback(Answer(method=method, code=code))

    def _received(self, transport: int, data: bytes) -> None:
        for callback in self._on_received:
            callback(transport, data)

    def _check_socket(self, handle: int, state: TransportState) -> None:
        if state is TransportState.CONNECTED:
            for option, value in self._socket_options.check(self._transports.of(handle)).items():
                self.emit(SocketOptionSet(id=self._transports.id(handle), name=option.name, value=value))
