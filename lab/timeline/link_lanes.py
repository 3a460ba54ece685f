"""Makes a lane for each link: its packets in bursts, so that a run of eight hours stays small. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from lab.model.topology import Link
from lab.record.entry import Entry
from lab.record.events import SENTINEL_PORT, Packet
from lab.record.evidence import Evidence
from lab.timeline.rows import Rows
from lab.timeline.shapes import Lane
from lab.units import counted

BURST_S = 0.05
"""Packets of a link that are closer together are one burst: an exchange, at the scale of a page."""

_TOLD = (("S", "SYN"), ("F", "FIN"), ("R", "RST"))
"""Flags of TCP that a burst names."""


def lanes(evidence: Evidence) -> Iterator[Lane]:
    """Yield the lanes of the links, in the order of the topology."""
    seen: dict[tuple[str, bool], list[Entry[Packet]]] = defaultdict(list)
    for entry in evidence.of(Packet):
        seen[entry.event.link, is_sentinels(entry.event)].append(entry)
    for link in evidence.cell.topology.links:
        yield _lane(link, seen[link.name, False], seen[link.name, True])


def is_sentinels(packet: Packet) -> bool:
    """Return whether a packet is of the lab's own flows."""
    return SENTINEL_PORT in (packet.src.port, packet.dst.port)


def _lane(link: Link, packets: Sequence[Entry[Packet]], sentinels: Sequence[Entry[Packet]]) -> Lane:
    rows = Rows()
    for burst in _bursts(packets):
        first, last = burst[0], burst[-1]
        flags = {letter for each in burst for letter in each.event.flags}
        kind = "reset" if "R" in flags else "fin" if "F" in flags else "syn" if "S" in flags else "packets"
        rows.mark(first.t, kind, _text(burst), *dict.fromkeys((first.line, last.line)))
    for burst in _bursts(sentinels):
        lines = dict.fromkeys((burst[0].line, burst[-1].line))
        rows.mark(burst[0].t, "sentinel", f"the lab's own: {_text(burst)}", *lines)
    spans, marks = rows.close()
    (here, _), (there, _) = link.ends
    return Lane(id=f"link {link.name}", kind="link", title=f"{link.name}: {here} - {there}", spans=spans, marks=marks)


def _bursts(packets: Sequence[Entry[Packet]]) -> Iterator[list[Entry[Packet]]]:
    burst: list[Entry[Packet]] = []
    for each in packets:
        if burst and each.t - burst[-1].t >= BURST_S:
            yield burst
            burst = []
        burst.append(each)
    if burst:
        yield burst


def _text(burst: Sequence[Entry[Packet]]) -> str:
    """Say how many packets came from whom, how many bytes they had, and what they did to connections."""
    senders = Counter(each.event.from_ for each in burst)
    sizes = Counter[str]()
    flags = Counter[str]()
    protocols = dict.fromkeys(each.event.proto.upper() for each in burst)
    for each in burst:
        sizes[each.event.from_] += each.event.bytes
        flags.update(word for letter, word in _TOLD if letter in each.event.flags)
    told = [f"{counted(number, 'packet')} from {who} ({sizes[who]:,} bytes)" for who, number in senders.items()]
    told += [f"{word} × {number}" if number > 1 else word for word, number in flags.items()]
    return f"{'/'.join(protocols)}: {', '.join(told)}"
