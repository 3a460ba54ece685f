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

from lab import pcapng
from lab.actors.capture import summary
from lab.model.endpoint import Endpoint
from lab.network import conntrack
from lab.network.lean_pyroute2 import NETLINK_ROUTE, RTM_NEWADDR, ifaddrmsg, ifinfmsg, nfct_msg
from lab.network.netlink import Netlink, messages
from lab.pcapng import Frame, Interface, PcapNg
from lab.record.events import Packet

ENDS: dict[str, Any] = {"src": "10.0.0.2", "dst": "203.0.113.10"}
NEAR, FAR = Endpoint("10.0.0.2", 40001), Endpoint("203.0.113.10", 5061)


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
    seen = summary(bytes(packet), link="lan", sender="client")
    assert seen == Packet(link="lan", from_="client", src=NEAR, dst=FAR, **told)


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
    seen = summary(bytes(packet), link="lan", sender="client")
    assert seen == Packet(link="lan", from_="client", src=Endpoint(NEAR.host), dst=Endpoint(FAR.host), **told)


def test_padding_is_not_payload() -> None:
    """Bytes beyond the IP length (Ethernet pads short frames) count nowhere."""
    assert summary(bytes(ip() / UDP(sport=1, dport=2)) + bytes(18), link="lan", sender="client").payload == 0


def test_capture_file(tmp_path: Path) -> None:
    """An independent reader finds the frames, the nanoseconds and the interface."""
    frames = [bytes(Ether() / ip() / UDP(sport=1, dport=2) / bytes(size)) for size in (0, 1, 2, 3, 1400)]
    interface = Interface(link="lan", here="client", there="home-nat")
    file = PcapNg(tmp_path / "lan.pcapng", [interface], comment="größer")
    written = [
        Frame(interface=0, at=1_764_000_000_000_000_001 + number, data=frame, outgoing=bool(number % 2))
        for number, frame in enumerate(frames)
    ]
    for each in written:
        file.write(each)
    file.close()
    with PcapNgReader(str(tmp_path / "lan.pcapng")) as reader:
        packets = list(reader)
    assert frames == [bytes(packet) for packet in packets]
    assert [packet.sniffed_on for packet in packets] == ["client/lan"] * len(frames)
    assert [packet.direction for packet in packets] == [1, 2, 1, 2, 1]
    assert f"{packets[0].time:.9f}" == "1764000000.000000001"
    assert list(pcapng.frames(tmp_path / "lan.pcapng")) == written


@pytest.mark.parametrize("kept", [0, 7, 150, 200, 260])
def test_a_capture_file_that_was_cut_off(tmp_path: Path, kept: int) -> None:
    """A killed cell leaves one: its whole frames can be read."""
    path = tmp_path / "lan.pcapng"
    file = PcapNg(path, [Interface(link="lan", here="client", there="home-nat")])
    begins = path.stat().st_size
    for number in range(3):
        file.write(Frame(interface=0, at=number, data=bytes(60), outgoing=True))
    file.close()
    each = (path.stat().st_size - begins) // 3
    path.write_bytes(path.read_bytes()[: begins + kept])
    assert [frame.at for frame in pcapng.frames(path)] == list(range(kept // each))


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def _nested(kind: int, *parts: bytes) -> bytes:
    return _attribute(kind | 0x8000, b"".join(parts))


def _message(kind: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body + bytes(-len(body) % 4)


def _tuple(kind: int, source: bytes, destination: bytes, ports: tuple[int, int], protocol: int = 6) -> bytes:
    numbers = _attribute(1, bytes([protocol]))
    numbers += _attribute(2, struct.pack("!H", ports[0])) + _attribute(3, struct.pack("!H", ports[1]))
    return _nested(kind, _nested(1, _attribute(1, source), _attribute(2, destination)), _nested(2, numbers))


CLIENT, SERVER, NAT = bytes([10, 0, 0, 2]), bytes([203, 0, 113, 10]), bytes([198, 51, 100, 2])
FLOW = _tuple(1, CLIENT, SERVER, (40001, 5061)) + _tuple(2, SERVER, NAT, (5061, 1024))
NUMBER = _attribute(12, struct.pack("!I", 77))


def _mapping(body: bytes) -> conntrack.Mapping | None:
    (message,) = messages(_message(0x100, bytes(4) + body), nfct_msg)
    return conntrack.decode(message)


def test_mapping() -> None:
    """A conntrack message gives the three endpoints of the mapping, its state and its times."""
    body = b"".join(
        (
            FLOW,
            _attribute(3, struct.pack("!I", 0x0E)),
            _attribute(7, struct.pack("!I", 59)),
            _nested(4, _nested(1, _attribute(1, bytes([3])))),
            NUMBER,
            _nested(20, _attribute(1, struct.pack("!Q", 5)), _attribute(2, struct.pack("!Q", 6))),
        )
    )
    assert _mapping(body) == conntrack.Mapping(
        proto="tcp",
        inside=NEAR,
        outside=Endpoint("198.51.100.2", 1024),
        remote=FAR,
        opened=(NEAR, FAR),
        answered=True,
        number=77,
        tcp_state="ESTABLISHED",
        remaining=59,
        started=5,
        stopped=6,
    )


def test_mapping_of_few_words() -> None:
    """What conntrack does not say is empty or 0."""
    mapping = _mapping(FLOW + NUMBER)
    assert mapping is not None
    assert (mapping.tcp_state, mapping.remaining, mapping.started, mapping.stopped) == ("", 0, 0, 0)
    assert not mapping.answered


def test_neither_tcp_nor_udp() -> None:
    """An ICMP echo's entry is no mapping of a flow."""
    icmp = _attribute(1, bytes([1]))
    ends = _nested(1, _attribute(1, CLIENT), _attribute(2, SERVER))
    assert _mapping(_nested(1, ends, _nested(2, icmp)) + _nested(2, ends, _nested(2, icmp)) + NUMBER) is None


def test_not_ipv4() -> None:
    """An IPv6 flow's entry is no mapping of ours."""
    ends = _nested(1, _attribute(3, bytes(16)), _attribute(4, bytes(16)))
    numbers = _nested(2, _attribute(1, bytes([6])), _attribute(2, bytes(2)), _attribute(3, bytes(2)))
    assert _mapping(_nested(1, ends, numbers) + _nested(2, ends, numbers) + NUMBER) is None


def test_announcements() -> None:
    """A datagram of two announcements, padded or not, tells of a mapping that began and of one that ended."""
    number = NUMBER + _attribute(99, b"a")  # 5 bytes and 3 of padding
    data = _message(0x100, bytes(4) + FLOW + number) + _message(0x102, bytes(4) + FLOW + NUMBER)
    assert [(new, mapping.inside) for new, mapping in conntrack.announced(data)] == [
        (True, NEAR),
        (False, NEAR),
    ]


def test_netlinks_own_messages() -> None:
    """The end of a dump and an acknowledgement are read as what they are, whatever was asked for."""
    data = _message(3, bytes(4)) + _message(2, struct.pack("=i", -17) + bytes(16))
    done, refused = messages(data, ifinfmsg)
    assert done["header"]["type"] == 3
    assert refused["error"] == -17


def test_refusal_says_why() -> None:
    """The kernel's refusal arrives as the error of that number, with the kernel's own words."""
    link = Netlink(NETLINK_ROUTE)
    message = ifaddrmsg()
    message.update(family=2, prefixlen=99, index=1, attrs=[("IFA_LOCAL", "10.0.0.1")])
    try:
        with pytest.raises(OSError, match=r"prefix|address|ifindex|Invalid|permitted|device"):
            link.request(RTM_NEWADDR, message)
    finally:
        link.close()
