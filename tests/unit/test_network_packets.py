"""What the record says of packets and mappings, from their bytes; and the capture file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw
from scapy.utils import PcapNgReader

from lab.actors.capture import PcapNg, summary
from lab.network import conntrack
from lab.network.netlink import Netlink, attribute, attributes, messages, nested

ENDS: dict[str, Any] = {"src": "10.0.0.2", "dst": "203.0.113.10"}


def ip(**fields: Any) -> Any:
    """A scapy header; scapy's types do not cover how its layers are put together."""
    return IP(**fields, **ENDS)


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (
            ip() / TCP(sport=40001, dport=5061, flags="SA", seq=7, options=[("MSS", 1460)]),
            {"proto": "tcp", "flags": "SA", "seq": 7, "bytes": 44, "payload": 0},
        ),
        (
            ip(options=[b"\x01\x01\x01\x00"]) / TCP(sport=40001, dport=5061, flags="FPA", seq=2**32 - 1) / b"abc",
            {"proto": "tcp", "flags": "FPA", "seq": 2**32 - 1, "bytes": 47, "payload": 3},
        ),
        (ip() / UDP(sport=40001, dport=5061) / b"\r\n\r\n", {"proto": "udp", "bytes": 32, "payload": 4}),
    ],
)
def test_summary(packet: Any, told: dict[str, Any]) -> None:
    """Endpoints, flags in wire order, IP length and payload come from the packet, whatever options it carries."""
    assert {"src": "10.0.0.2:40001", "dst": "203.0.113.10:5061", **told} == summary(bytes(packet))


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (ip() / ICMP() / b"1234", {"proto": "icmp", "bytes": 32, "payload": 12}),
        (ip() / GRE() / b"1234", {"proto": "other", "bytes": 28, "payload": 8}),
        (ip(frag=100, proto=6) / Raw(b"12345678"), {"proto": "other", "bytes": 28, "payload": 8}),
    ],
)
def test_summary_without_ports(packet: Any, told: dict[str, Any]) -> None:
    """What has no ports (later fragments included) is told by its addresses alone."""
    assert {**ENDS, **told} == summary(bytes(packet))


def test_padding_is_not_payload() -> None:
    """Bytes beyond the IP length (Ethernet pads short frames) count nowhere."""
    assert summary(bytes(ip() / UDP(sport=1, dport=2)) + bytes(18))["payload"] == 0


def test_capture_file(tmp_path: Path) -> None:
    """An independent reader finds the frames, the nanoseconds and the interface."""
    frames = [bytes(Ether() / ip() / UDP(sport=1, dport=2) / bytes(size)) for size in (0, 1, 2, 3, 1400)]
    file = PcapNg(tmp_path / "lan.pcapng", interface="lan", comment="link lan, größer")
    for number, frame in enumerate(frames):
        file.write(1_764_000_000_000_000_001 + number, frame, outgoing=bool(number % 2))
    file.close()
    with PcapNgReader(str(tmp_path / "lan.pcapng")) as reader:
        packets = list(reader)
    assert frames == [bytes(packet) for packet in packets]
    assert [packet.sniffed_on for packet in packets] == ["lan"] * len(frames)
    assert [packet.direction for packet in packets] == [1, 2, 1, 2, 1]
    assert f"{packets[0].time:.9f}" == "1764000000.000000001"


def _tuple(kind: int, source: bytes, destination: bytes, ports: tuple[int, int], protocol: int = 6) -> bytes:
    numbers = attribute(1, bytes([protocol]))
    numbers += attribute(2, struct.pack("!H", ports[0])) + attribute(3, struct.pack("!H", ports[1]))
    return nested(kind, nested(1, attribute(1, source), attribute(2, destination)), nested(2, numbers))


CLIENT, SERVER, NAT = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 10]), bytes([198, 51, 100, 2])


def test_mapping() -> None:
    """A conntrack message gives the three endpoints of the mapping, its state and its times."""
    body = bytes(4) + b"".join(
        (
            _tuple(1, CLIENT, SERVER, (40001, 5061)),
            _tuple(2, SERVER, NAT, (5061, 1024)),
            attribute(7, struct.pack("!I", 59)),
            nested(4, nested(1, attribute(1, bytes([3])))),
            attribute(12, struct.pack("!I", 77)),
            nested(20, attribute(1, struct.pack("!Q", 5)), attribute(2, struct.pack("!Q", 6))),
        )
    )
    assert conntrack.decode(body) == conntrack.Mapping(
        proto="tcp",
        inside="10.0.0.2:40001",
        outside="198.51.100.2:1024",
        remote="203.0.113.10:5061",
        number=77,
        tcp_state="ESTABLISHED",
        remaining=59,
        started=5,
        stopped=6,
    )


def test_neither_tcp_nor_udp() -> None:
    """An ICMP echo's entry is no mapping of a flow."""
    icmp = attribute(1, bytes([1]))
    ends = nested(1, attribute(1, CLIENT), attribute(2, SERVER))
    body = bytes(4) + nested(1, ends, nested(2, icmp)) + nested(2, ends, nested(2, icmp)) + attribute(12, bytes(4))
    assert conntrack.decode(body) is None


def test_attributes_are_padded() -> None:
    """Attributes of any length are found again, one after the other."""
    values = {number: bytes(range(number)) for number in range(1, 9)}
    data = b"".join(attribute(kind, value) for kind, value in values.items())
    assert values == attributes(data)
    assert len(data) % 4 == 0


def test_messages_are_cut() -> None:
    """A datagram of two messages gives both, without the padding between them."""
    first = struct.pack("=IHHII", 17, 256, 0x600, 1, 0) + b"a" + bytes(3)
    second = struct.pack("=IHHII", 18, 258, 0, 2, 0) + b"bc"
    assert list(messages(first + second)) == [(256, 0x600, 1, b"a"), (258, 0, 2, b"bc")]


def test_refusal_says_why() -> None:
    """The kernel's refusal arrives as the error of that number, with the kernel's own words."""
    link = Netlink(0)
    try:
        with pytest.raises(OSError, match=r"prefix|address|ifindex|Invalid|permitted|device"):
            link.request(20, struct.pack("=BBBBI", 2, 99, 0, 0, 1) + attribute(2, bytes([10, 0, 0, 1])))
    finally:
        link.close()
