"""Makes small captures of a client behind a NAT, as field engineers have them, with made-up people in them."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

PHONE, NAT, SERVER = "192.168.178.23", "203.0.113.77", "198.51.100.9"
USER, NAME, DOMAIN, REALM = "+4915112345678", "Erika Mustermann", "pbx.muster-gmbh.example", "secret-realm"
PASSWORD_HASH = "d3adbeefd3adbeefd3adbeefd3adbeef"
PERSONAL = (PHONE, NAT, SERVER, USER, NAME, "Mustermann", DOMAIN, "muster", REALM, PASSWORD_HASH, "4915112345678")
"""What must not reach a scenario."""
EPOCH = 1_700_000_000.0


def _ipv4(source: str, destination: str, protocol: int, ttl: int, payload: bytes) -> bytes:
    ends = bytes(map(int, source.split("."))) + bytes(map(int, destination.split(".")))
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0) + ends + payload


def udp(source: tuple[str, int], destination: tuple[str, int], data: bytes, *, ttl: int = 64) -> bytes:
    """Return an Ethernet frame with a datagram."""
    packet = struct.pack("!HHHH", source[1], destination[1], 8 + len(data), 0) + data
    return bytes(12) + b"\x08\x00" + _ipv4(source[0], destination[0], 17, ttl, packet)


def tcp(
    source: tuple[str, int],
    destination: tuple[str, int],
    flags: int,
    seq: int,
    ack: int,
    data: bytes = b"",
    *,
    ttl: int = 64,
) -> bytes:
    """Return an Ethernet frame with a segment."""
    packet = struct.pack("!HHIIBBHHH", source[1], destination[1], seq, ack, 0x50, flags, 65535, 0, 0) + data
    return bytes(12) + b"\x08\x00" + _ipv4(source[0], destination[0], 6, ttl, packet)


@dataclass
class Capture:
    """A capture at the phone, made packet by packet."""

    frames: list[tuple[float, bytes]] = field(default_factory=list)
    port: int = 5062

    def send(self, t: float, data: bytes, *, up: bool) -> None:
        ends = (PHONE, self.port), (SERVER, 5060)
        self.frames.append((t, udp(*(ends if up else ends[::-1]), data, ttl=64 if up else 55)))

    def save(self, path: Path, *, order: str = "<", nanoseconds: bool = False) -> Path:
        path.write_bytes(pcap(self.frames, order=order, nanoseconds=nanoseconds))
        return path


def pcap(
    frames: Iterable[tuple[float, bytes]], *, order: str = "<", nanoseconds: bool = False, link_type: int = 1
) -> bytes:
    """Return a pcap file."""
    fraction, magic = (1_000_000_000, 0xA1B23C4D) if nanoseconds else (1_000_000, 0xA1B2C3D4)
    found = struct.pack(f"{order}IHHIIII", magic, 2, 4, 0, 0, 65535, link_type)
    for t, data in frames:
        at = EPOCH + t
        found += struct.pack(f"{order}IIII", int(at), int(at % 1 * fraction), len(data), len(data)) + data
    return found


def pcapng(frames: Iterable[tuple[float, bytes]], *, order: str = "<") -> bytes:
    """Return a pcapng file with one interface and microseconds, as dumpcap writes it."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack(f"{order}II", kind, len(body) + 12) + body + struct.pack(f"{order}I", len(body) + 12)

    found = block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    found += block(1, struct.pack(f"{order}HHI", 1, 0, 0))
    for t, data in frames:
        at = int((EPOCH + t) * 1_000_000)
        head = struct.pack(f"{order}IIIII", 0, at >> 32, at & 0xFFFFFFFF, len(data), len(data))
        found += block(6, head + data)
    return found


def message(
    first: str, method: str, cseq: int, *more: str, call: str = "a1b2c3", answers: bool = False, down: bool = False
) -> bytes:
    """Return a SIP message with personal data in every field that has some."""
    ours, theirs = f'"{NAME}" <sip:{USER}@{DOMAIN}>', f"<sip:{USER if method == 'REGISTER' else '200'}@{DOMAIN}>"
    caller, called = (theirs, ours) if down else (ours, theirs)
    lines = [
        first,
        f"Via: SIP/2.0/UDP {PHONE}:5062;branch=z9hG4bK{call}{cseq}{method}",
        f"From: {caller};tag=1",
        f"To: {called}{';tag=2' if answers else ''}",
        f"Call-ID: {call}@{PHONE}",
        f"CSeq: {cseq} {method}",
        *more,
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def register(cseq: int = 2, *, expires: int = 3600) -> bytes:
    """Return a REGISTER with credentials."""
    credentials = f'Authorization: Digest username="{USER}", realm="{REALM}", response="{PASSWORD_HASH}"'
    contact = f"Contact: <sip:{USER}@{PHONE}:5062>;expires={expires}"
    return message(f"REGISTER sip:{DOMAIN} SIP/2.0", "REGISTER", cseq, contact, credentials)


def ok(method: str, cseq: int, *more: str, call: str = "a1b2c3", down: bool = False) -> bytes:
    """Return a 200."""
    return message("SIP/2.0 200 OK", method, cseq, *more, call=call, answers=True, down=down)


def registered(*, expires: int = 3600) -> Capture:
    """Return a capture that begins with a registration, over at second 0."""
    capture = Capture()
    challenge = f'WWW-Authenticate: Digest realm="{REALM}", nonce="n0nce"'
    capture.send(
        -0.3, message(f"REGISTER sip:{DOMAIN} SIP/2.0", "REGISTER", 1, f"Contact: <sip:{USER}@{PHONE}:5062>"), up=True
    )
    capture.send(-0.2, message("SIP/2.0 401 Unauthorized", "REGISTER", 1, challenge, answers=True), up=False)
    capture.send(-0.1, register(expires=expires), up=True)
    capture.send(0.0, ok("REGISTER", 2, f"Contact: <sip:{USER}@{PHONE}:5062>;expires={expires}"), up=False)
    return capture


def options(
    capture: Capture, t: float, cseq: int, *, answered: bool = True, sent: Callable[[int], float] | None = None
) -> None:
    """Add an OPTIONS of the server; one that is not answered was not seen at the phone, either."""
    if answered:
        call = f"o{cseq}"
        capture.send(t, message(f"OPTIONS sip:{USER}@{PHONE} SIP/2.0", "OPTIONS", cseq, call=call, down=True), up=False)
        capture.send(t + 0.01, ok("OPTIONS", cseq, call=call, down=True), up=True)
