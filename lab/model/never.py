"""Faults that can never happen, or never do anything, where a cell has them: known from the cell alone. Pure.

What only a run can show (nobody reconnects, nothing is asked of a mute server) is not looked at here; the judge says
of such a fault that it never happened. A client of the author's own may do what pjsip does not, so less is known of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.model.fault import (
    BlackHole,
    ClientMove,
    DnsChange,
    DnsFailure,
    EvictFlow,
    ExpiredCertificate,
    Fault,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    Reboot,
    RevokedClientCertificate,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.model.scenario import Cell, ClientCertificate, ProbeKind, Transport
from lab.model.topology import Role, Topology
from lab.model.when import REFRESH_BEFORE_EXPIRY_S, Event
from lab.units import Seconds

PJSIP_ASKS_FOR_S = 600.0
"""Of a subscription: PJSIP_PRES_DEFAULT_EXPIRES; the server may grant less, never more (RFC 6665 §4.2.1.1)."""

_RENEWS = frozenset({"adaptive", "pong-watchdog", "reconnect", "refresh-subscription", "resubscribe"})
"""Mitigations that send SUBSCRIBE by themselves."""

_ASKS_THE_SERVER = (
    ServerClose, ServerRestart, ServerMute, ServerSlow, ExpiredCertificate, DnsFailure, DnsChange,
    RevokedClientCertificate,
)  # fmt: skip
"""Faults that the server does when it is told, which it cannot hear while it stands still."""
_MEETS_THE_SERVER = (ServerClose, ServerRestart, ExpiredCertificate, RevokedClientCertificate)
"""Faults for which it must be up."""
_SWITCHES = (
    (ServerFreeze,), (ServerRestart,), (ServerMute, ServerSlow), (ExpiredCertificate,),
    (DnsFailure, DnsChange),
    (RevokedClientCertificate,),
)  # fmt: skip
"""Faults that set the same thing in the server: the end of one would end the other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Never:
    """Why a fault means nothing in a cell.

    Attributes:
        what: a clause without a full stop.
        allowed: what would make it possible.
        key: the key of the fault's that it cannot have there; empty: the fault itself.
    """

    what: str
    allowed: str
    key: str = ""


def never(cell: Cell) -> Iterator[tuple[int, Never]]:
    """The faults of a cell that can never happen, by their places, each with one reason."""
    for number, fault in enumerate(cell.faults):
        reason = (
            _not_here(fault, cell)
            or _off_the_way(fault, cell)
            or _too_late(fault, cell)
            or _beside(number, cell.faults)
        )
        if reason is not None:
            yield number, reason


def _not_here(fault: Fault, cell: Cell) -> Never | None:
    """Whether transport or server have what it is about."""
    tls, udp = cell.transport is Transport.TLS, cell.transport is Transport.UDP
    certificates = cell.server.client_certificate
    match fault:
        case ExpiredCertificate() if not tls:
            return Never(what="only TLS has certificates", allowed="`transport: tls`")
        case RevokedClientCertificate() if not tls or certificates is ClientCertificate.NONE:
            allowed = "`server: { client-certificate: required }`"
            return Never(what="the server asks for no certificate", allowed=allowed)
        case DnsFailure() | DnsChange() if not cell.server.by_name:
            what = "the client knows the server's address, and asks nobody"
            return Never(what=what, allowed="`server: { by-name: true }`")
        case ForgedSegment() if udp:
            return Never(what="UDP has no segments", allowed="`transport: tcp` or `tls`")
        case ServerClose() if udp:
            return Never(what="UDP has no connection to close", allowed="`transport: tcp` or `tls`")
        case _:
            return None


def _off_the_way(fault: Fault, cell: Cell) -> Never | None:
    """Whether a packet of the client's can be where it strikes; what does not exist is the loader's to refuse."""
    topology = cell.topology
    match fault:
        case Reboot(node=place) | EvictFlow(node=place):
            key, places = "node", [node.name for node in topology.nodes if node.role is Role.MIDDLEBOX]
        case BlackHole(node=place):
            key, places = "node", list(_ways(topology)[0])
        case LinkDown(link=place) | MtuBlackHole(link=place):
            key, places = "link", [link.name for link in topology.links]
        case _:
            return None
    if place not in places:
        return None
    first, second = ([name for name in way if name in places] for way in _ways(topology))
    moves = [other.at.fixed for other in cell.faults if isinstance(other, ClientMove)]
    begins, tables = fault.at.fixed, isinstance(fault, Reboot | EvictFlow)
    if place not in first and (place not in second or not moves):
        what = "the client never moves there" if place in second else "not between client and server"
        return Never(what=what, allowed=f"one of {', '.join(first)}", key=key)
    if begins is None or None in moves:
        return None
    moved = any(at <= begins for at in moves if at is not None)
    if tables and place not in first and not moved:
        allowed = f"one of {', '.join(first)}, or a later moment"
        return Never(what="the client is not there yet", allowed=allowed, key=key)
    if moved and not tables and place not in second:
        what = "the client has left that way by then"
        return Never(what=what, allowed=f"one of {', '.join(second)}, or an earlier moment", key=key)
    return None


def _ways(topology: Topology) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The nodes and links between the client and the server, by its first link and by its second."""
    client, server = topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name
    ways: list[tuple[str, ...]] = [(), ()]
    for number, link in enumerate(topology.client_links()):
        (start,) = (end for end, _ in link.ends if end != client)
        nodes = topology.path(start, server)
        links = [topology.link_towards(node, server).name for node in nodes[:-1]]
        ways[number] = (*nodes, link.name, *links)
    return ways[0], ways[1]


def _too_late(fault: Fault, cell: Cell) -> Never | None:
    """Whether the moment can come before the end."""
    earliest = _earliest(fault.at.event, cell)
    if isinstance(earliest, Never):
        return earliest
    begins = earliest + fault.at.offset
    if fault.at.event is Event.REFRESH_DUE and begins < 0:
        what = f"before the client falls silent: the refresh is due at {Seconds(max(0.0, earliest))}"
        return Never(what=what, allowed="a moment closer to the refresh", key="at")
    unsure = fault.at.event is Event.REFRESH_DUE and cell.client.is_own  # it may ask for less than it would get
    if fault.at.event is not Event.SUBSCRIBED and begins >= cell.ends and not unsure:
        word = "is at" if fault.at.event is Event.REFRESH_DUE else "is not before"
        what = f"not before the end of the run (it {word} {Seconds(begins)})"
        return Never(what=what, allowed=f"before {cell.ends}", key="at")
    return None


def _earliest(event: Event, cell: Cell) -> float | Never:
    """When an event can come first; 0 where nothing is known."""
    own, udp = cell.client.is_own, cell.transport is Transport.UDP
    if event is Event.RINGING:
        return _rings(cell)
    if event is Event.RECONNECTED and udp and not own:
        return Never(what="UDP has no connections", allowed="`transport: tcp` or `tls`", key="at")
    if event is Event.REFRESH_DUE:
        return _refresh_due(cell)
    moves = any(isinstance(other, ClientMove) for other in cell.faults)
    renews = any(mitigation.kind in _RENEWS for mitigation in cell.strategy.mitigations)
    if event is Event.REFRESHED and not (own or moves or renews):
        return max(0.0, _refresh_due(cell))
    return 0.0


def _refresh_due(cell: Cell) -> float:
    """When the timer asks for the first refresh; a client of one's own may ask for less than the server would grant."""
    granted = [float(cell.server.subscription_expires)]
    granted += [PJSIP_ASKS_FOR_S] * (not cell.client.is_own)
    granted += [float(one.expiry) for one in cell.strategy.mitigations if one.kind == "short-expiry"]
    return min(granted) - REFRESH_BEFORE_EXPIRY_S


def _rings(cell: Cell) -> float | Never:
    """When a call can ring first: pjsip rings if it is asked to."""
    calls = [probe for probe in cell.probes if probe.kind_ is ProbeKind.INVITE]
    ringing = [float(probe.at) for probe in calls if probe.ring or cell.client.is_own]
    if ringing:
        return min(ringing)
    return Never(what="no probe rings", allowed="a probe such as `{ at: 45 s, kind: invite, ring: 3 s }`", key="at")


def _beside(number: int, faults: tuple[Fault, ...]) -> Never | None:
    """Whether what goes on at that moment allows it; only of moments that are known before the run."""
    fault = faults[number]
    begins = fault.at.fixed
    if isinstance(fault, ClientMove) and any(isinstance(other, ClientMove) for other in faults[:number]):
        return Never(what="the client moves once only, and has moved", allowed="one `client-move`")
    for place, other in enumerate(faults):
        start = other.at.fixed
        if place == number or begins is None or start is None:
            continue
        if not (start < begins or (start == begins and place < number)) or begins >= start + _lasts(other):
            continue
        if isinstance(other, ServerFreeze) and isinstance(fault, _ASKS_THE_SERVER):
            return Never(what=f"the server stands still from {Seconds(start)} on", allowed=_APART, key="at")
        if isinstance(other, ServerRestart) and isinstance(fault, _MEETS_THE_SERVER):
            return Never(what=f"the server is down from {Seconds(start)} on", allowed=_APART, key="at")
        if any(isinstance(fault, switch) and isinstance(other, switch) for switch in _SWITCHES):
            what = f"another fault of that kind is at work from {Seconds(start)} on"
            return Never(what=what, allowed=_APART, key="at")
    return None


_APART = "one after the other"


def _lasts(fault: Fault) -> float:
    """For how long it keeps the server in another state; infinite: until the end of the run."""
    match fault:
        case ServerRestart(down=time) | ServerFreeze(lasts=time):
            return float(time)
        case ServerMute() | ServerSlow() | ExpiredCertificate() | DnsFailure() | RevokedClientCertificate():
            return float("inf") if fault.lasts is None else float(fault.lasts)
        case _:
            return 0.0
