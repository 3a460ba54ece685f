"""Helps faults that change the client's networks: how they are done, what proves them, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Interface
from typing import Any, Protocol

from lab.clients.catalog import client_of
from lab.faults._flows import AT_ONCE_S, harm_if_older
from lab.faults._losses import harm_of_losses
from lab.faults.base import Fault, FaultImpact, Infeasible, LostProbe, Occurrence, RunningCell, faults_of
from lab.model.scenario import Cell, Transport
from lab.model.topology import Link, Topology
from lab.network.address_change import addresses
from lab.network.drop_rules import DropRules
from lab.network.link_change import forget_way, join, keep_way, leave, source_towards
from lab.network.link_drops import drop_everything
from lab.network.reclaimed_sockets import reclaim
from lab.record.client_addresses import without
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, ClientAddresses, ClientProcess, IpChanged, ServerFlow
from lab.record.evidence import Evidence

CHANGES_NETWORKS = "the client changes its networks"
"""A state of the client (`Fault.holds`): which addresses it has is that fault's affair."""

LEAST_S = 1.0
"""Changes of a client's networks are at least so far apart, so that the record tells one from the other."""


class Told(Protocol):
    """A fault that may tell the client of a change."""

    @property
    def told(self) -> bool:
        """True if the client program is told."""

    @property
    def told_late_by(self) -> float:
        """Seconds after the change."""


def no_second_link(topology: Topology) -> Infeasible | None:
    """Say that the client has no second link; None: it has."""
    if topology.second_access() is None:
        allowed = "a topology whose client has a second link"
        return Infeasible(what="the client has nowhere to move to", allowed=allowed)
    return None


def gone_before(fault: Fault, cell: Cell) -> Infeasible | None:
    """Say that the client has left its first network for good by then; None: it has not, as far as is known."""
    for place, other in enumerate(faults_of(cell)):
        if not other.wide_effect.moves_client or other.wide_effect.returns or other is fault:
            continue
        first, then = other.at.fixed, fault.at.fixed
        if first is None or then is None or (first, place) < (then, cell.faults.index(fault)):
            return Infeasible(what="the client has left its first network for good", allowed="`back-after` there")
    return None


def nobody_told(fault: Told) -> Infeasible | None:
    """Say that what is to be told late is not told at all; None: that is not so."""
    if fault.told_late_by and not fault.told:
        return Infeasible(what="the client is not told", allowed="`told: true` beside it", key="told-late-by")
    return None


def nothing_to_close(cell: Cell, *, closes: bool, key: str = "closes-connections") -> Infeasible | None:
    """Say that there is no connection that the system could close; None: that is not so, or not asked for."""
    if closes and cell.transport is Transport.UDP:
        allowed = "use `transport: tcp` or `tls`"
        return Infeasible(what="UDP has no connections", allowed=allowed, key=key)
    return None


class ClientNetworks:
    """Has the running client join networks and leave them, and notes in the record what the kernel shows.

    Args:
        cell: the running cell.
        number: of the fault, which tells its rules from those of others.
        closes: whether the system closes the TCP connections of an address that is gone.
    """

    def __init__(self, cell: RunningCell, number: int, *, closes: bool = False) -> None:
        self._cell = cell
        self._number = number
        self._closes = closes
        self._namespace = cell.namespaces[cell.client_node]
        self._topology = cell.cell.topology
        self._has: dict[str, IPv4Interface] = {}
        self._kept: set[str] = set()
        self._dead: dict[str, DropRules] = {}
        self._closed = self.dropped = 0
        self._changed: float | None = None
        self.links = self._topology.client_links()
        self._own = {link.name: dict(link.ends)[cell.client_node] for link in self.links}
        first = self.links[0].name
        for leased in addresses(first, self._namespace)[-1:]:
            self._own[first] = IPv4Interface(leased)
        self._has[first] = self._own[first]

    def own(self, link: Link) -> IPv4Interface:
        """Return the client's address on a link: as the topology has it, or leased since."""
        return self._own[link.name]

    def gateway(self, link: Link) -> IPv4Interface:
        """Return the address of the other end of a link."""
        return next(address for node, address in link.ends if node != self._cell.client_node)

    def far_end(self, link: Link) -> str:
        """Return the node at the other end of a link."""
        return next(node for node, _ in link.ends if node != self._cell.client_node)

    def ends(self, link: Link) -> tuple[int, int]:
        """Return the namespaces of the nodes at the ends of a link."""
        return self._namespace, self._cell.namespaces[self.far_end(link)]

    def has(self, link: Link) -> bool:
        """Return whether the kernel shows an address of the client on a link."""
        return bool(addresses(link.name, self._namespace))

    def kill(self, link: Link) -> int:
        """Let a link carry nothing, as when a phone has left the radio's range; returns how many rules there are."""
        self._begun_at()
        name = f"fault-{self._number}-{link.name}"
        self._dead[link.name] = drop_everything(link.name, self.ends(link), name=name)
        return self._dead[link.name].rules

    def leave(self, link: Link) -> tuple[str, ...]:
        """Take the client's address on a link from it; returns what the kernel still shows there."""
        self._begun_at()
        address = self._has.pop(link.name)
        left = leave(link.name, address, namespace=self._namespace, kept_way=link.name in self._kept)
        self._kept.discard(link.name)
        if self._closes:
            self._closed += reclaim(self._namespace, spared=SENTINEL_PORT, source=address.ip).tcp
        return left

    def join(self, link: Link, address: IPv4Interface | None = None) -> None:
        """Give the client its address on a link, or another one; the link carries packets again if it was dead."""
        self._begun_at()
        if link.name in self._dead:
            self.dropped += self._dead.pop(link.name).end()
        new = self._has[link.name] = self.own(link) if address is None else address
        join(link.name, new, namespace=self._namespace, gateway=self.gateway(link))

    def keep_way(self, link: Link) -> None:
        """Have connections of the client's address on a link stay there when it joins another one."""
        keep_way(self._has[link.name], namespace=self._namespace, gateway=self.gateway(link))
        self._kept.add(link.name)

    def forget_way(self, link: Link) -> None:
        """Have connections of the client's address on a link go where all others go."""
        forget_way(self._has[link.name], namespace=self._namespace)
        self._kept.discard(link.name)

    def note(self) -> str:
        """Write into the record which addresses the client has now; returns the one from which it sends.

        The moment is that of the first change since the last note: what the change brings about comes after it.
        """
        source = source_towards(self._topology.front_address(), self._namespace)
        living = [link.name for link in self.links if link.name not in self._dead]
        usable = tuple(str(IPv4Interface(one).ip) for name in living for one in addresses(name, self._namespace))
        self._cell.note_addresses(
            ClientAddresses(usable=usable, source=source, closed=self._closed), at=self._begun_at()
        )
        self._closed, self._changed = 0, None
        return source

    def _begun_at(self) -> float:
        if self._changed is None:
            self._changed = time.monotonic()
        return self._changed

    def move(self, old: Link, new: Link) -> tuple[int, tuple[str, ...], str]:
        """Leave a link for another; returns rules on the old one, addresses left there, and the address of packets."""
        rules = self.kill(old)
        left = self.leave(old)
        self.join(new)
        return rules, left, self.note()

    def tell(self, fault: Told) -> None:
        """Tell the client of a change, if it is to be told and when."""
        if not fault.told:
            return
        asyncio.get_running_loop().call_later(float(fault.told_late_by), self._cell.send_ip_changed)

    async def tell_at_once(self, fault: Told) -> None:
        """Tell the client of a change, and wait until it has taken note if it is not to be late."""
        if fault.told and not fault.told_late_by:
            await self._cell.tell_client_ip_changed()
        else:
            self.tell(fault)

    def end(self) -> int:
        """Return how many packets dead links have lost so far; they stay dead."""
        return self.dropped + sum(rules.dropped() for rules in self._dead.values())


# What proves it


def changes(seen: Occurrence[Any]) -> list[Entry[ClientAddresses]]:
    """Return the changes of the client's addresses that a fault made."""
    return list(seen.evidence.between(ClientAddresses, seen.at, seen.over))


def not_told(seen: Occurrence[Any], fault: Told) -> str:
    """Say that the client should have been told and took no note; empty if it did, or is one that does not say so."""
    evidence = seen.evidence
    if not fault.told or not client_of(evidence.cell).tells_new_address:
        return ""
    due = seen.at + float(fault.told_late_by)
    if due + AT_ONCE_S >= float(evidence.cell.ends):
        return ""
    heard = any(True for _ in evidence.between(IpChanged, due - AT_ONCE_S, float("inf")))
    return "" if heard or not _ran_after(evidence, due) else "the client took no note of what it was told"


def _ran_after(evidence: Evidence, moment: float) -> bool:
    """Return whether the client's process ran at any time after a moment and before the cell's end."""
    stopped: float | None = None
    for entry in evidence.between(ClientProcess, float("-inf"), float(evidence.cell.ends)):
        stopped = entry.t if entry.event.state in ("suspended", "killed") else None
    return stopped is None or stopped > moment + AT_ONCE_S


def none_closed(seen: Occurrence[Any], *, closes: bool) -> str:
    """Say that the system should have closed connections and there were none; empty if that is not so."""
    if not closes or any(entry.event.closed for entry in changes(seen)):
        return ""
    return "no connection was closed"


# What it costs


def harm_of_absence(seen: Occurrence[Any], lost: LostProbe) -> FaultImpact | None:
    """Return the harm of the times in which the client could not use the address of a probe's flow.

    While it is away, no flow of that address survives. One that is there again may have lost packets meanwhile, or its
    connection to the system.
    """
    evidence, probe = seen.evidence, lost.probe
    if not evidence.has(ClientAddresses):  # of an older lab, which knew one move only
        return harm_if_older(seen, lost)
    links = {link.name for link in evidence.cell.topology.client_links()}
    for since, until in _spells(seen, lost):
        if not any(entry.t < since for entry in evidence.of(ServerFlow, id=lost.flow.id)):
            continue
        if since <= probe.known_s and probe.asked_s < until:
            later = f", and the address of this flow was gone at {since:.1f} s" if since > seen.at + AT_ONCE_S else ""
            return FaultImpact(since_s=since, words=later)
        if lost.flow.proto == "tcp" and any(entry.event.closed for entry in _at(seen, since)):
            return FaultImpact(since_s=since, words=", and the system closed the connections of its old address")
        spell = replace(seen, began=replace(seen.began, t=since), over=until)
        impact = harm_of_losses(spell, lost, lambda packet: packet.link in links)
        if impact is not None:
            return impact
    return None


def _spells(seen: Occurrence[Any], lost: LostProbe) -> Iterator[tuple[float, float]]:
    """Return the times without the flow's address that began while the fault was in force."""
    for since, until in without(seen.evidence, lost.flow.inside.host):
        if seen.at <= since <= seen.over:
            yield since, until


def _at(seen: Occurrence[Any], since: float) -> Iterator[Entry[ClientAddresses]]:
    """Return the change at the beginning of such a time; with overlap, of its end."""
    return seen.evidence.between(ClientAddresses, since, since)
