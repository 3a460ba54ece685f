"""The order of packets in a cell's capture, where several links saw them at the same instant."""

from __future__ import annotations

import random
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Ether

from lab.cell_capture.comments import SENTINEL, comments
from lab.cell_capture.travel import in_order
from lab.faults.link_down import LinkDown
from lab.model.when import When
from lab.pcapng import Frame, Interface
from lab.record.events import Packet
from lab.units import Seconds
from tests.records import CLIENT, END, begins, evidence, flow_set_up, on_lan, with_fault

LINKS = [
    Interface(link="lan", here="client", there="home-nat"),
    Interface(link="access", here="home-nat", there="internet"),
    Interface(link="core", here="internet", there="server"),
]
INSIDE, OUTSIDE, SERVER = "10.0.0.2", "198.51.100.2", "203.0.113.10"
LAN, ACCESS, CORE = range(3)


def segment(link: int, *, up: bool, seq: int, flags: str = "A", data: bytes = b"", at: int = 0) -> Frame:
    """A segment between client and server, as one link sees it: the middlebox changes address and port."""
    near, port = (INSIDE, 40001) if link == LAN else (OUTSIDE, 61000)
    ends: dict[str, Any] = {"src": near, "dst": SERVER} if up else {"src": SERVER, "dst": near}
    ports: dict[str, Any] = {"sport": port, "dport": 5061} if up else {"sport": 5061, "dport": port}
    packet = Ether() / IP(**ends) / TCP(**ports, seq=seq, flags=flags) / data
    return Frame(interface=link, at=at, data=bytes(packet), outgoing=up)


def ordered(*frames: Frame) -> list[tuple[int, bool]]:
    """The links in the order in which frames travelled them, and whether up."""
    seen = [[frame for frame in frames if frame.interface == link] for link in range(3)]
    return [(step.interface, step.frame.outgoing) for step in in_order(LINKS, seen)]


def test_a_handshake_of_one_instant() -> None:
    """SYN up, SYN-ACK down, ACK up: each over three links."""
    frames = [
        segment(link, up=up, seq=seq, flags=flags)
        for link in (LAN, ACCESS, CORE)
        for up, seq, flags in ((True, 1, "S"), (False, 7, "SA"), (True, 2, "A"))
    ]
    up = [(LAN, True), (ACCESS, True), (CORE, True)]
    down = [(CORE, False), (ACCESS, False), (LAN, False)]
    assert ordered(*frames) == [*up, *down, *up]


@pytest.mark.parametrize("seed", range(20))
def test_any_conversation_of_one_instant(seed: int) -> None:
    """No node passes on what it has not got, and each link keeps its own order."""
    draw = random.Random(seed)
    seen: list[list[Frame]] = [[], [], []]
    for number in range(30):
        up = draw.random() < 0.5
        way = (LAN, ACCESS, CORE) if up else (CORE, ACCESS, LAN)
        lost_after = draw.randint(1, 3)
        for link in way[:lost_after]:
            seen[link].append(segment(link, up=up, seq=number, data=b"x" * number))
    steps = list(in_order(LINKS, seen))
    for link in range(3):
        assert [step.number for step in steps if step.interface == link] == list(range(len(seen[link])))
    got: list[tuple[int, bool, bytes]] = []
    for step in steps:
        before = {True: {ACCESS: LAN, CORE: ACCESS}, False: {ACCESS: CORE, LAN: ACCESS}}[step.frame.outgoing]
        content = step.frame.data[38:42]  # the sequence number
        if step.interface in before:
            assert (before[step.interface], step.frame.outgoing, content) in got
            assert step.passed_on
        got.append((step.interface, step.frame.outgoing, content))


def test_what_a_node_in_between_makes_itself() -> None:
    """A reset that came on no other link, an ICMP message; not what it passed on, and not what has no addresses."""
    arp = Frame(interface=LAN, at=0, data=bytes(Ether() / ARP()), outgoing=False)
    error = bytes(Ether() / IP(src="10.0.0.1", dst=INSIDE) / ICMP(type=3) / UDP())
    frames = [
        segment(LAN, up=True, seq=1, at=1),
        Frame(interface=LAN, at=1, data=error, outgoing=False),
        segment(LAN, up=False, seq=9, flags="R", at=2),
        segment(CORE, up=False, seq=4, at=3),
        segment(ACCESS, up=False, seq=4, at=3),
        segment(LAN, up=False, seq=4, at=3),
    ]
    steps = list(
        in_order(
            LINKS,
            [
                [arp, *(f for f in frames if f.interface == n)] if n == LAN else [f for f in frames if f.interface == n]
                for n in range(3)
            ],
        )
    )
    own = [step.frame for step in steps if not step.passed_on and step.sender in ("home-nat", "internet")]
    assert own == [frames[1], frames[2]]


def test_comments() -> None:
    """Silences at the middlebox, beginning and end of a fault, and the sentinel; each on the packet that met it."""
    fault = LinkDown(at=When(offset=50.0), link="lan", lasts=Seconds(2))
    packets = [on_lan(t, CLIENT, 100) for t in (10.0, 10.5, 30.0, 51.0, 53.0)]
    own = on_lan(40.0, CLIENT, 100, port=50001)
    proof = LinkDown.Proof(link="lan", rules=2, lasts=2.0)
    record = evidence(with_fault(fault), *flow_set_up(), *packets, own, *begins(fault, proof, t=50.0, until=52.0), END)
    lines = {each.t: each.line for each in record.of(Packet)}
    found = comments(record)
    assert found[lines[30.0]] == ["home-nat: nothing on this flow for 19.500 s before"]
    assert lines[10.5] not in found
    assert any("began at 50.000 s" in text for text in found[lines[51.0]])
    assert any("was over at 52.000 s" in text for text in found[lines[53.0]])
    assert [line for line, texts in found.items() if any(text.startswith(SENTINEL) for text in texts)] == [lines[40.0]]


def test_time_goes_first() -> None:
    late = segment(LAN, up=True, seq=1, at=5)
    early = segment(CORE, up=False, seq=2, at=4)
    assert ordered(late, early) == [(CORE, False), (LAN, True)]
