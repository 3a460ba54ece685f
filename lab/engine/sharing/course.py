"""Finds from a record whether middleboxes with other timers would have done the same. Pure.

Two middleboxes that differ in idle timers alone do the same until the first of these timers ends. So a record holds for
both if every packet that came to the middlebox left it, no mapping ended, and no flow was quiet for as long as a timer
of the other lasts.

A mapping may have ended for another reason than a timer: a fault, or the end of its connection. Then both must meet in
the same way what is sent on a forgotten flow, and no flow may have been quiet, while it had a mapping, for as long as a
timer of either lasts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping as Mapping_
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.engine.sharing.world import outlasts
from lab.judge.tolerances import AT_ONCE_S, CLOCKS_S, TICKS_S
from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox
from lab.model.scenario import Cell, Transport
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, FaultBegan, Mapping, Packet
from lab.record.evidence import Evidence

SLACK_S = 1.0
"""By which a timer must outlast the longest quiet time: far more than two runs of a cell differ by."""

_HANDSHAKE = 3
"""Packets after which a TCP flow is established."""


@dataclass(frozen=True)
class _Quiet:
    """The longest times for which flows were quiet at one middlebox, up to the end of the record, in seconds."""

    established: float
    opening_or_closing: float
    udp: float

    def outlasted_by(self, box: Middlebox, *, tcp: bool) -> bool:
        """Return whether no timer of a middlebox would have ended; of TCP only if that is asked."""
        long_enough = [(self.udp, float(min(box.udp_mapping_timer, box.new_udp_timer)))]
        if tcp:
            established = float("inf") if box.established_idle_timeout is None else float(box.established_idle_timeout)
            long_enough += [(self.established, established), (self.opening_or_closing, float(box.transitory_timeout))]
        return all(span + SLACK_S < timer for span, timer in long_enough)


class Course:
    """The events on the flows of a cell.

    Args:
        evidence: of a cell that ran to its end.
        silent: nothing but the client's traffic is read of it, so the sentinel's is left out.
    """

    def __init__(self, evidence: Evidence, *, silent: bool) -> None:
        self._silent = silent
        self._over = evidence.ended()
        over = float("inf") if self._over is None else self._over
        packets = [
            each
            for each in evidence.of(Packet)
            if each.t <= over and not (silent and SENTINEL_PORT in (each.event.src.port, each.event.dst.port))
        ]
        gone = [each for each in evidence.of(Mapping, state="destroyed") if each.t <= over]
        gone = [each for each in gone if not (silent and each.event.remote.port == SENTINEL_PORT)]
        self._ended = {each.event.proto for each in gone}
        self._otherwise = bool(gone) and all(_ended_otherwise(each, evidence, packets) for each in gone)
        self._protocols = {each.event.proto for each in packets}
        nodes = [evidence.cell.topology.node(name) for name, _ in evidence.cell.middleboxes]
        self._passed = {
            proto: all(_passes(packets, node.name, node.inside, node.outside, proto) for node in nodes)
            for proto in ("tcp", "udp")
        }
        flows = {node.name: _flows(packets, node.inside) for node in nodes}
        self._boxes = dict(evidence.cell.middleboxes)
        self._quiet = {node.name: _quiet(flows[node.name], over, {}) for node in nodes}
        self._mapped = {node.name: _quiet(flows[node.name], over, _mapped(evidence, node.name)) for node in nodes}

    def holds_for(self, cell: Cell) -> bool:
        """Return whether the record of a cell that has the same digest would have been the same.

        Args:
            cell: with other timers, or another UDP behavior that its transport does not use.
        """
        if self._over is None or self._protocols - {"tcp", "udp"}:
            return False
        if cell.transport is not Transport.UDP and "udp" in self._protocols:
            return False
        return all(self._holds_at(node, box, cell) for node, box in cell.middleboxes)

    def _holds_at(self, node: str, box: Middlebox, cell: Cell) -> bool:
        tcp, ran = self._silent or outlasts(box, cell), self._boxes[node]
        if self._otherwise and ran.forgotten is box.forgotten and ran.ages_in_kernel is box.ages_in_kernel:
            return all(self._mapped[node].outlasted_by(each, tcp=tcp) for each in (ran, box))
        protocols = {"udp", "tcp"} if tcp else {"udp"}
        undisturbed = not protocols & self._ended and all(self._passed[proto] for proto in protocols)
        return undisturbed and self._quiet[node].outlasted_by(box, tcp=tcp)


def _passes(packets: Sequence[Entry[Packet]], node: str, inside: str, outside: str, proto: str) -> bool:
    """Return whether as much left a middlebox as came, in either direction."""
    count = Counter((each.event.link, each.event.from_ == node) for each in packets if each.event.proto == proto)
    return count[inside, False] == count[outside, True] and count[outside, False] == count[inside, True]


def _ended_otherwise(gone: Entry[Mapping], evidence: Evidence, packets: Sequence[Entry[Packet]]) -> bool:
    """Return whether a mapping was ended by a fault, or after its connection had been."""
    if any(-CLOCKS_S <= gone.t - fault.t <= AT_ONCE_S for fault in evidence.of(FaultBegan)):
        return True
    ends = {gone.event.inside, gone.event.remote}
    return any(
        each.t <= gone.t and {"F", "R"} & set(each.event.flags) and {each.event.src, each.event.dst} == ends
        for each in packets
    )


_Flow = tuple[str, frozenset[Endpoint]]
"""Protocol and ends of a flow, as they are inside the middlebox."""


def _flows(packets: Sequence[Entry[Packet]], inside: str) -> dict[_Flow, list[Entry[Packet]]]:
    flows: dict[_Flow, list[Entry[Packet]]] = defaultdict(list)
    for each in packets:
        if each.event.link == inside:
            flows[each.event.proto, frozenset((each.event.src, each.event.dst))].append(each)
    return flows


def _mapped(evidence: Evidence, node: str) -> dict[_Flow, list[tuple[float, float]]]:
    """Return from when to when each flow had a mapping in a middlebox."""
    found: dict[_Flow, list[tuple[float, float]]] = defaultdict(list)
    for each in evidence.of(Mapping):
        flow = each.event.proto, frozenset((each.event.inside, each.event.remote))
        if each.who == node and each.event.state == "new":
            found[flow].append((each.t - TICKS_S, float("inf")))
        elif each.who == node and found[flow]:
            found[flow][-1] = found[flow][-1][0], each.t
    return found


def _quiet(
    flows: Mapping_[_Flow, list[Entry[Packet]]], over: float, mapped: Mapping_[_Flow, list[tuple[float, float]]]
) -> _Quiet:
    """Return the longest quiet times; of a flow whose mappings are known, only while it had one."""
    established = opening_or_closing = udp = 0.0
    for flow, passed in flows.items():
        times = mapped.get(flow)
        gaps = _gaps(passed, over) if times is None else _mapped_gaps(passed, over, times)
        if flow[0] == "udp":
            udp = max(udp, *gaps)
            continue
        closing = next((n for n, each in enumerate(passed) if {"F", "R"} & set(each.event.flags)), len(passed))
        for number, gap in enumerate(gaps):
            if _HANDSHAKE <= number + 1 <= closing:
                established = max(established, gap)
            else:
                opening_or_closing = max(opening_or_closing, gap)
    return _Quiet(established, opening_or_closing, udp)


def _mapped_gaps(packets: Sequence[Entry[Packet]], over: float, mapped: Sequence[tuple[float, float]]) -> list[float]:
    """Return the part of the time from each packet to the next in which the mapping was there that it kept."""
    ends = [next((until for since, until in mapped if since <= each.t < until), each.t) for each in packets]
    return [
        min(each.t + gap, until) - each.t for each, gap, until in zip(packets, _gaps(packets, over), ends, strict=True)
    ]


def _gaps(packets: Sequence[Entry[Packet]], over: float) -> list[float]:
    """Return the time from each packet to the next, of the last one to the end."""
    times = [*(each.t for each in packets), over]
    return [later - earlier for earlier, later in pairwise(times)]
