"""Finds from a record whether middleboxes with other timers would have done the same. Pure.

Two middleboxes that differ in idle timers alone do the same until the first of these timers ends. So a record holds for
both if every packet that came to the middlebox left it, no mapping ended, and no flow was quiet for as long as a timer
of the other lasts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.engine.sharing.world import outlasts
from lab.model.endpoint import Endpoint
from lab.model.middlebox import Middlebox
from lab.model.scenario import Cell, Transport
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, Mapping, Packet
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
        self._ended = {
            each.event.proto
            for each in evidence.of(Mapping, state="destroyed")
            if each.t <= over and not (silent and each.event.remote.port == SENTINEL_PORT)
        }
        self._protocols = {each.event.proto for each in packets}
        nodes = [evidence.cell.topology.node(name) for name, _ in evidence.cell.middleboxes]
        self._passed = {
            proto: all(_passes(packets, node.name, node.inside, node.outside, proto) for node in nodes)
            for proto in ("tcp", "udp")
        }
        self._quiet = {node.name: _quiet_at(packets, node.inside, over) for node in nodes}

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
        quiet, protocols = self._quiet[node], {"udp"}
        long_enough = [(quiet.udp, float(min(box.udp_mapping_timer, box.new_udp_timer)))]
        if self._silent or outlasts(box, cell):
            protocols.add("tcp")
            established = float("inf") if box.established_idle_timeout is None else float(box.established_idle_timeout)
            long_enough += [(quiet.established, established), (quiet.opening_or_closing, float(box.transitory_timeout))]
        undisturbed = not protocols & self._ended and all(self._passed[proto] for proto in protocols)
        return undisturbed and all(span + SLACK_S < timer for span, timer in long_enough)


def _passes(packets: Sequence[Entry[Packet]], node: str, inside: str, outside: str, proto: str) -> bool:
    """Return whether as much left a middlebox as came, in either direction."""
    count = Counter((each.event.link, each.event.from_ == node) for each in packets if each.event.proto == proto)
    return count[inside, False] == count[outside, True] and count[outside, False] == count[inside, True]


def _quiet_at(packets: Sequence[Entry[Packet]], inside: str, over: float) -> _Quiet:
    flows: dict[tuple[str, frozenset[Endpoint]], list[Entry[Packet]]] = defaultdict(list)
    for each in packets:
        if each.event.link == inside:
            flows[each.event.proto, frozenset((each.event.src, each.event.dst))].append(each)
    established = opening_or_closing = udp = 0.0
    for (proto, _), passed in flows.items():
        gaps = _gaps(passed, over)
        if proto == "udp":
            udp = max(udp, *gaps)
            continue
        closing = next((n for n, each in enumerate(passed) if {"F", "R"} & set(each.event.flags)), len(passed))
        for number, gap in enumerate(gaps):
            if _HANDSHAKE <= number + 1 <= closing:
                established = max(established, gap)
            else:
                opening_or_closing = max(opening_or_closing, gap)
    return _Quiet(established, opening_or_closing, udp)


def _gaps(packets: Sequence[Entry[Packet]], over: float) -> list[float]:
    """Return the time from each packet to the next, of the last one to the end."""
    times = [*(each.t for each in packets), over]
    return [later - earlier for earlier, later in pairwise(times)]
