"""Finds faults that cannot take effect in a cell (wrong transport, wrong node, after the end). Pure.

What only a run can show (nobody reconnects, nothing is asked of a mute server) is not looked at here; the judge says
of such a fault that it never happened. Of a client that may do more than it is asked to, less is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.clients.catalog import client_of
from lab.faults.base import Fault, Infeasible, faults_of
from lab.model.scenario import Cell, ProbeKind, Transport
from lab.model.topology import Role, Topology
from lab.model.when import Event
from lab.units import Seconds

_RENEWS = frozenset({"adaptive", "pong-watchdog", "reconnect", "refresh-subscription", "resubscribe"})
"""Mitigations that send SUBSCRIBE by themselves."""


def infeasible_faults(cell: Cell) -> Iterator[tuple[int, Infeasible]]:
    """Return the faults of a cell that can never happen, by their places, each with one reason."""
    for number, fault in enumerate(faults_of(cell)):
        reason = fault.infeasible(cell) or _off_the_way(fault, cell) or _too_late(fault, cell) or _beside(number, cell)
        if reason is not None:
            yield number, reason


def _moves(cell: Cell) -> list[Fault]:
    """Return the faults that take the client to its second network."""
    return [fault for fault in faults_of(cell) if fault.wide_effect.moves_client]


def _off_the_way(fault: Fault, cell: Cell) -> Infeasible | None:
    """Say why no packet of the client's can be where it acts; what does not exist is the loader's to refuse."""
    if not fault.acts_on:
        return None
    key, place, places = _place(fault, cell.topology)
    if place not in places:
        return None
    first, second = ([name for name in way if name in places] for way in _ways(cell.topology))
    moves = [other.at.fixed for other in _moves(cell)]
    leaves = [other.at.fixed for other in _moves(cell) if not other.wide_effect.returns]
    begins, table = fault.at.fixed, fault.acts_on == "table"
    if place not in first and (place not in second or not moves):
        what = "the client never moves there" if place in second else "not between client and server"
        return Infeasible(what=what, allowed=f"one of {', '.join(first)}", key=key)
    if begins is None or None in moves:
        return None
    moved, left = (any(at <= begins for at in ats if at is not None) for ats in (moves, leaves))
    if table and place not in first and not moved:
        return Infeasible(what="the client is not there yet", allowed=_either(first, "a later moment"), key=key)
    if left and not table and place not in second:
        what = "the client has left that way by then"
        return Infeasible(what=what, allowed=_either(second, "an earlier moment"), key=key)
    return None


def _either(names: list[str], otherwise: str) -> str:
    """Return what is allowed: one of these names, as far as there are any, or something else."""
    return f"one of {', '.join(names)}, or {otherwise}" if names else otherwise


def _place(fault: Fault, topology: Topology) -> tuple[str, str, list[str]]:
    """Return the key that names where a fault acts, the place, and the places that it may name."""
    link, node = str(getattr(fault, "link", "")), str(getattr(fault, "node", ""))
    if link:
        return "link", link, [each.name for each in topology.links]
    if fault.acts_on == "table":
        return "node", node, [each.name for each in topology.nodes if each.role is Role.MIDDLEBOX]
    return "node", node, [*_ways(topology)[0]]


def _ways(topology: Topology) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the nodes and links between the client and the server, by its first link and by its second."""
    ways: list[tuple[str, ...]] = [(), ()]
    for number, link in enumerate(topology.client_links()):
        way = topology.way(link)
        ways[number] = (*way.nodes, *way.links)
    return ways[0], ways[1]


def _too_late(fault: Fault, cell: Cell) -> Infeasible | None:
    """Say why the moment cannot come before the end."""
    earliest = _earliest(fault.at.event, cell)
    if isinstance(earliest, Infeasible):
        return earliest
    begins = earliest + fault.at.offset
    if fault.at.event is Event.REFRESH_DUE and begins < 0:
        what = f"before the client falls silent: the refresh is due at {Seconds(max(0.0, earliest))}"
        return Infeasible(what=what, allowed="a moment closer to the refresh", key="at")
    unsure = fault.at.event is Event.REFRESH_DUE and _asked_for(cell) is None
    if fault.at.event is not Event.SUBSCRIBED and begins >= cell.ends and not unsure:
        word = "is at" if fault.at.event is Event.REFRESH_DUE else "is not before"
        what = f"not before the end of the run (it {word} {Seconds(begins)})"
        return Infeasible(what=what, allowed=f"a time before {cell.ends}", key="at")
    return None


def _earliest(event: Event, cell: Cell) -> float | Infeasible:
    """Return when an event can come first; 0 where nothing is known."""
    more, udp = client_of(cell).does_more_than_asked, cell.transport is Transport.UDP
    if event is Event.RINGING:
        return _rings(cell)
    if event is Event.RECONNECTED and udp and not more:
        return Infeasible(what="UDP has no connections", allowed="use `transport: tcp` or `tls`", key="at")
    if event is Event.REFRESH_DUE:
        return _refresh_due(cell)
    renews = any(mitigation.kind in _RENEWS for mitigation in cell.strategy.mitigations)
    if event is Event.REFRESHED and not (more or _moves(cell) or renews):
        return max(0.0, _refresh_due(cell))
    return 0.0


def _refresh_due(cell: Cell) -> float:
    """Return when the timer asks for the first refresh: of the subscription, or of the registration without one.

    The server grants what the client asks for, or less, never more (RFC 6665 §4.2.1.1, RFC 3261 §10.3).
    """
    asked, server = _asked_for(cell), cell.server
    longest = server.subscription_expires if cell.subscribes else server.registration_expires
    granted = [float(longest), *([] if asked is None else [asked])]
    granted += [float(one.expiry) for one in cell.strategy.mitigations if one.kind == "short-expiry"]
    return min(granted) - cell.refresh_before_s


def _asked_for(cell: Cell) -> float | None:
    """Return for how long the client asks; None: unknown."""
    if cell.subscribes:
        return client_of(cell).asks_for_s
    told = [float(one.expiry) for one in cell.strategy.mitigations if one.registers]
    if told or cell.client.registration is None:
        return told[0] if told else client_of(cell).registers_for_s
    return float(cell.client.registration.expires)


def _rings(cell: Cell) -> float | Infeasible:
    """Return when a call can ring first."""
    more = client_of(cell).does_more_than_asked
    calls = [probe for probe in cell.probes if probe.kind_ is ProbeKind.INVITE]
    ringing = [float(probe.at) for probe in calls if probe.ring or more]
    if ringing:
        return min(ringing)
    allowed = "a probe such as `{ at: 45 s, kind: invite, ring: 3 s }`"
    return Infeasible(what="no probe rings", allowed=allowed, key="at")


def _beside(number: int, cell: Cell) -> Infeasible | None:
    """Say why what goes on in the server at that moment forbids it; only of moments that are known before the run."""
    faults = faults_of(cell)
    fault, begins = faults[number], faults[number].at.fixed
    for place, other in enumerate(faults):
        start = other.at.fixed
        if place == number or begins is None or start is None or not other.holds or other.is_change:
            continue
        if not (start, place) < (begins, number) or begins >= start + other.lasts_s:
            continue
        if other.holds in fault.not_while:
            return Infeasible(what=f"{other.holds} from {Seconds(start)} on", allowed=_APART, key="at")
        if other.holds == fault.holds:
            what = f"another fault of that kind is at work from {Seconds(start)} on"
            return Infeasible(what=what, allowed=_APART, key="at")
    return None


_APART = "faults one after the other"
