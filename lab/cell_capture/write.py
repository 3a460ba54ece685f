"""Writes the capture of a cell from what it left in its folder."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from lab.cell_capture.comments import comments
from lab.cell_capture.travel import Step, in_order
from lab.pcapng import Interface, PcapNg, frames
from lab.record.events import Packet
from lab.record.evidence import Evidence
from lab.visible_text import visible

FILE_NAME = "cell.pcapng"
KEYS = "tls.keys"

_IPV4 = b"\x08\x00"
_TCP, _ICMP = 6, 1
_FIN_OR_RST = 0b101


def of_link(folder: Path, link: str) -> Path:
    """Return the file of the frames of one link."""
    return folder / f"{link}.pcapng"


def write(folder: Path, evidence: Evidence, *, split: bool = False) -> None:
    """Write the capture of a cell; the files of its links go, unless they are to stay.

    Args:
        folder: of the cell.
        evidence: its cell and record.
        split: whether the files of the links stay.

    A link of which there is no file is left out: the cell did not come so far.
    """
    links = [link for link in evidence.cell.topology.links if of_link(folder, link.name).exists()]
    if not links:
        return
    interfaces = [
        Interface(link=link.name, here=here, there=there) for link in links for (here, _), (there, _) in [link.ends]
    ]
    seen = [list(frames(of_link(folder, link.name))) for link in links]
    keys = folder / KEYS
    new = folder / f".{FILE_NAME}"
    file = PcapNg(
        new,
        interfaces,
        comment=f"{visible(evidence.cell.scenario)}, cell {visible(evidence.cell.name)}",
        keys=keys.read_bytes() if keys.exists() else b"",
    )
    lines = _lines(evidence)
    said = comments(evidence)
    numbers: dict[int, int] = defaultdict(int)
    ends = _ends(interfaces)
    for step in in_order(interfaces, seen):
        texts = []
        if step.frame.data[12:14] == _IPV4:
            number = numbers[step.interface]
            numbers[step.interface] += 1
            of_link_lines = lines[interfaces[step.interface].link]
            texts = list(said.get(of_link_lines[number], ())) if number < len(of_link_lines) else []
        if _is_own(step, ends=ends):
            texts.append(_own(step))
        file.write(step.frame._replace(interface=step.interface, comments=tuple(texts)))
    file.close()
    new.replace(folder / FILE_NAME)
    if not split:
        for link in links:
            of_link(folder, link.name).unlink()


def _lines(evidence: Evidence) -> dict[str, list[int]]:
    """Return the lines of the packets of each link, in the order of its capture."""
    lines: dict[str, list[int]] = defaultdict(list)
    for each in sorted(evidence.of(Packet), key=lambda each: each.line):
        lines[each.event.link].append(each.line)
    return lines


def _ends(interfaces: list[Interface]) -> set[str]:
    """Return the nodes at which only one link ends: they make all packets that they send."""
    nodes = [node for each in interfaces for node in (each.here, each.there)]
    return {node for node in nodes if nodes.count(node) == 1}


def _own(step: Step) -> str:
    """Say who made a packet; a segment of TCP has the address of an end that did not send it."""
    text = f"{step.sender} made this packet itself"
    packet = step.frame.data[14:]
    if packet[9] != _TCP:
        return text
    return f"{text}, in the name of {'.'.join(map(str, packet[12:16]))}: forged"


def _is_own(step: Step, *, ends: set[str]) -> bool:
    """Return whether a node in between made a packet that ends a flow, or an ICMP message, and did not pass it on."""
    if step.passed_on or step.sender in ends:
        return False
    packet = step.frame.data[14:]
    header = (packet[0] & 0xF) * 4
    return packet[9] == _ICMP or (packet[9] == _TCP and bool(packet[header + 13] & _FIN_OR_RST))
