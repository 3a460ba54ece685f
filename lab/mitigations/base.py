"""Defines mitigations, and the narrow view of a client that they get.

A mitigation is one mechanism with its parameters: a frozen dataclass whose ``kind`` is its name in scenarios. One file
each; a file in this folder is found by being there (see ``lab.mitigations.catalog``). They know nothing of each
other. Files whose name begins with ``_`` hold what several of them share.

What the client does (``side`` is ``client``) derives from ``ClientSide`` and is attached to a ``Client``. What the
server does has ``side`` ``server`` and never meets a client.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:  # reading a cell must not wait for msgspec
    from lab.record.events import ClientEvent


FRAMED = ("ws", "wss")
"""Transports over WebSocket."""
STREAMS = ("tcp", "tls", *FRAMED)
"""Transports with connections."""
ALL = ("udp", *STREAMS)

TIMED_OUT = 408
"""What pjsip answers itself with when nobody else has within 32 s (Timer F), RFC 3261 §8.1.3.1."""


class TransportState(str, Enum):
    """The states of a transport in pjsip (``pjsip_transport_state``)."""

    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    """Ended by the network or the other side; not reported when pjsip itself ends it."""
    SHUTDOWN = "shutdown"
    """No longer used for anything new; destroyed once nobody holds a reference."""
    DESTROYED = "destroyed"
    """Gone, and its handle with it; the only report of an end by the idle timer."""


class Setting(str, Enum):
    """The settings that pjsip accepts only once per process."""

    TSX_TIMERS = "transaction timers"
    TCP_SWITCH = "switch of large requests to TCP"
    CRLF_INTERVAL = "interval of pjsip's CRLF keep-alive"
    IDLE_TIME = "idle time of a transport"
    EXPIRY = "expiry of the registration"
    UDP_KEEP_ALIVE = "keep-alive over UDP"
    OUTBOUND = "parameters of SIP outbound"
    SESSION_TIMER = "session timer"
    PUSH = "parameters of push messages"


class SocketOption(Enum):
    """A socket option by name: its level and number on Linux (<asm-generic/socket.h>, <netinet/tcp.h>)."""

    SO_KEEPALIVE = (1, 9)
    TCP_KEEPIDLE = (6, 4)
    TCP_KEEPINTVL = (6, 5)
    TCP_KEEPCNT = (6, 6)
    TCP_USER_TIMEOUT = (6, 18)


MOST_SOCKET_OPTIONS = 4
"""PJ_MAX_SOCKOPT_PARAMS: pjsip drops a fifth without a word."""


class Timer(Protocol):
    """One pending call."""

    def cancel(self) -> None:
        """Do not call; does nothing if it was called or cancelled before."""


class Connection(Protocol):
    """A stream to the server beside those of pjsip, with TLS if the client uses it."""

    def send(self, data: bytes) -> None:
        """Send; what the end of the connection leaves unsent is lost."""

    def close(self) -> None:
        """End it; nothing is called back any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The final answer to a request of the client, the first or a refresh.

    Attributes:
        method: of the request.
        code: status code; pjsip makes one itself where none came: 408 after 32 s, 503 if it could not be sent.
    """

    method: str
    code: int


class Client(Protocol):
    """The functions of the pjsip client for mitigations.

    A transport is named by its handle, an opaque number, valid until the transport is destroyed and possibly used again
    for another afterwards. All callbacks come from pjsip's event loop, on its one thread, in the order in which they
    were asked for.
    """

    random: Random
    """Seeded with the cell's seed, for jitter."""
    subscribes: bool
    """Whether the account subscribes."""

    # Settings: from `attach` only, before pjsip starts; each may be made once

    def set_tsx_timers(self, *, t1: float, t2: float) -> None:
        """``pjsip_cfg()->tsx.t1``, ``t2``, in seconds."""

    def disable_tcp_switch(self) -> None:
        """``pjsip_cfg()->endpt.disable_tcp_switch``."""

    def set_crlf_interval(self, interval: float) -> None:
        """``pjsip_cfg()->tcp.keep_alive_interval`` and ``tls``, in whole seconds."""

    def set_idle_time(self, time: float) -> None:
        """PJSIP_TRANSPORT_IDLE_TIME, in whole seconds, as in a library built with another value."""

    def set_socket_option(self, option: SocketOption, value: int) -> None:
        """Set on each socket before it connects; what the kernel then has is checked, and recorded."""

    def register(self, expires: float) -> None:
        """Register, before it subscribes if it does, whatever the account says, asking for whole seconds."""

    def configure_account(self, setting: Setting, change: Callable[[Any], None]) -> None:
        """Change the account's ``pjsua2.AccountConfig`` before it is used."""

    # What happens

    def on_set_up(self, callback: Callable[[], object]) -> None:
        """Call back once, when the client is set up and about to fall silent."""

    def on_transport(self, callback: Callable[[int, TransportState], None]) -> None:
        """Call back with (handle, state) whenever a connection changes state; UDP has none."""

    def on_received(self, callback: Callable[[int, bytes], None]) -> None:
        """Call back with (handle, data) whenever a transport has received a SIP message or a keep-alive."""

    def on_answer(self, callback: Callable[[Answer], None]) -> None:
        """Call back at the final answer to a REGISTER, SUBSCRIBE or OPTIONS, before ``on_subscription``.

        pjsip does not tell that a SUBSCRIBE that refreshes has succeeded.
        """

    def on_subscription(self, callback: Callable[[str, int], None]) -> None:
        """Call back with (pending, active or terminated; status code) whenever the subscription's state changes.

        The code of ``terminated`` is 200 if the server ended it, else that of the failure.
        """

    def on_push(self, callback: Callable[[], object]) -> None:
        """Call back whenever a push message has come for the app."""

    def on_ip_change(self, callback: Callable[[], object]) -> None:
        """Call back when the system says that the address has changed, in the place of ``handle_ip_change``."""

    # What can be done

    def every(self, interval: float, callback: Callable[[], None]) -> Timer:
        """Call back each ``interval`` seconds, on pjsip's own timer heap, the first time after one interval."""

    def after(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call back once, after ``delay`` seconds."""

    def now(self) -> float:
        """Return CLOCK_MONOTONIC in seconds."""

    def emit(self, event: ClientEvent) -> None:
        """Write an event to the record."""

    def change_crlf_interval(self, interval: float) -> None:
        """Set another interval: new connections use it at once, others after their next ping."""

    def send_options(self) -> None:
        """Send OPTIONS to the server outside any dialog; its answer appears in the record as ``options-answer``."""

    def resubscribe(self) -> None:
        """Unsubscribe and subscribe anew, as pjsua2 can: a new dialog with a new Contact.

        Does nothing if the account does not subscribe.
        Where there is no subscription any more, only subscribe. Otherwise the new dialog begins 0.5 s after the end of
        the old one, which is 32 s later if nobody answers, and pjsua gives up for 300 s if the end fails.
        """

    def refresh_subscription(self) -> None:
        """Send SUBSCRIBE within the dialog, with the same expiry; does nothing if there is no subscription."""

    def reregister(self) -> None:
        """Send REGISTER now; does nothing if the account does not register, or another one is under way."""

    def drop_connections(self) -> None:
        """``pjsip_transport_shutdown`` of every connection: whatever is sent next takes a new one."""

    def handle_ip_change(self) -> None:
        """``pjsua_handle_ip_change``, as after a change of networks; appears in the record as ``ip-changed``."""

    def source_address(self) -> str:
        """Return the address from which packets to the server leave; empty if there is no way. Sends nothing."""

    def take_ip_change(self) -> None:
        """Do what is done when the system says that the address has changed; it says ``ip-changed``."""

    def give_up_transport(self, handle: int, *, after: float) -> None:
        """``pjsip_transport_shutdown``, for want of an answer within ``after`` seconds; nothing if it is shut already.

        Whatever is sent next takes a new connection. Appears in the record as ``unanswered``.
        """

    def add_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_add_ref``: the transport's idle timer stops; appears in the record as ``ref``."""

    def release_transport_ref(self, handle: int) -> None:
        """``pjsip_transport_dec_ref``: must follow each add exactly once; a second one aborts the process."""

    def connect(self, on_data: Callable[[bytes], None], on_end: Callable[[], None]) -> Connection:
        """Open a connection to the server beside those of pjsip; ``on_data`` with ``b""`` once it is open.

        ``on_end`` is called once when it could not be opened, or was closed by the other side or the network.
        """

    def recall(self) -> dict[str, Any]:
        """Return the text last written by ``remember``, on this client or an earlier one here; else empty."""

    def remember(self, memory: dict[str, Any]) -> None:
        """Write to a file that outlives the client, as JSON."""


class Mitigation(Protocol):
    """One mechanism with its parameters; an instance may be attached to one client only."""

    kind: ClassVar[str]
    """Name in scenarios, kebab-case; the module has the same name in snake_case."""
    source: ClassVar[str]
    """Who recommends it: RFC section, issue, article."""
    side: ClassVar[str]
    """Whose it is: ``client`` or ``server``."""
    transports: ClassVar[tuple[str, ...]]
    """The SIP transports it can exist on, see ``ALL``."""
    registers: ClassVar[bool]
    """It has the client register, whatever the account says."""
    needs_registration: ClassVar[bool]
    """It does nothing for an account that does not register."""
    needs_subscription: ClassVar[bool]
    """It does nothing for an account that does not subscribe."""


class ClientSide:
    """The base of mitigations of the client; each overrides what differs."""

    __slots__ = ()
    kind: ClassVar[str]
    source: ClassVar[str]
    side: ClassVar[str] = "client"
    transports: ClassVar[tuple[str, ...]] = ALL
    sets: ClassVar[tuple[Setting, ...]] = ()
    """What it sets for the whole process: two mitigations with the same one exclude each other."""
    registers: ClassVar[bool] = False
    """It has the client register, whatever the account says."""
    needs_registration: ClassVar[bool] = False
    """It does nothing for an account that does not register."""
    needs_subscription: ClassVar[bool] = False
    """It does nothing for an account that does not subscribe."""

    def socket_options(self) -> tuple[SocketOption, ...]:
        """Return the socket options that it sets."""
        return ()

    def attach(self, client: Client) -> None:
        """Hook into the client, before it starts."""
        raise NotImplementedError


PushPriorityName = Literal["high", "normal"]
"""See ``lab.model.push.PushPriority``."""

Ping = Literal["options", "crlf", "ws-ping"]
"""What a server asks a client for a sign of life with: OPTIONS, a double CRLF (RFC 5626 §3.5.1), or a ping frame of
WebSocket (RFC 6455 §5.5.2)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GivingUp:
    """The condition under which a server gives up a client that does not answer, and its action then.

    Attributes:
        after: how many pings in a row may have no answer by the time of the next.
        marks_only: keep its bindings and subscriptions, and send nothing to them until it answers or registers anew;
            else they are removed.
        closes: end its connection.
        ends_calls: end its calls, with BYE.
    """

    after: int
    marks_only: bool = False
    closes: bool = False
    ends_calls: bool = False


class Server(Protocol):
    """The functions of the scripted SIP server for mitigations; call them only from ``attach``, before it listens.

    A flow is named by its id; it is *in use* while it is there and a subscription or binding came on it.
    """

    def limit_subscriptions(self, expires: float) -> None:
        """Grant whole seconds at most, even where the scenario grants more."""

    def support_outbound(self, *, flow_timer: float | None = None) -> None:
        """Answer a REGISTER that asks for SIP outbound with ``Require: outbound``; and with Flow-Timer, if given."""

    def keep_alive(self, interval: float, send: Callable[[str], None]) -> None:
        """Call ``send`` with each flow in use, every ``interval`` seconds from when it came into use."""

    def send_options(self, flow: str, *, retransmits: bool = True) -> None:
        """Send OPTIONS to the contact that came on this flow, over it; ``keep-alive`` in the record says what came.

        Args:
            flow: its id.
            retransmits: send it again over UDP until it is answered.
        """

    def detect_death(self, interval: float, ping: Ping, giving_up: GivingUp, *, retransmits: bool = True) -> None:
        """Ping on each flow in use, and give up a client that does not answer.

        ``client-given-up`` in the record says so, and nobody is told.

        Args:
            interval: seconds from one to the next.
            ping: what is sent.
            giving_up: when it gives up, and what it does then.
            retransmits: send each OPTIONS again over UDP until it is answered.
        """

    def hold_for_push(self, *, wait: float, quiet_after: float, priority: PushPriorityName) -> None:
        """Hold requests for clients that a push must wake first; see ``lab.mitigations.server_push``."""

    def send_crlf(self, flow: str) -> None:
        """Send a double CRLF; appears in the record as ``keep-alive``."""

    def send_ping_frames(self, interval: float) -> None:
        """Send a ping frame over each WebSocket in use, every ``interval`` seconds; ``keep-alive`` in the record."""


class ServerSide:
    """The base of mitigations of the server; each overrides what differs."""

    __slots__ = ()
    kind: ClassVar[str]
    source: ClassVar[str]
    side: ClassVar[str] = "server"
    transports: ClassVar[tuple[str, ...]] = ALL
    registers: ClassVar[bool] = False
    """It has the client register, whatever the account says."""
    needs_registration: ClassVar[bool] = False
    """It does nothing for an account that does not register."""
    needs_subscription: ClassVar[bool] = False
    """It does nothing for an account that does not subscribe."""

    @property
    def server_needs(self) -> tuple[str, ...]:
        """The abilities of a server that it needs besides its kind, see ``ServerProgram.lacks``."""
        return ()

    def why_not_over(self, transport: str) -> str:  # noqa: ARG002  (as `server_needs`)
        """Say why its parameters make no sense over a transport (such as ``udp``); empty if they do."""
        return ""

    def attach(self, server: Server) -> None:
        """Hook into the server, before it starts."""
        raise NotImplementedError
