"""Reading captures of any origin: both formats and byte orders, damage, hostile bytes; memory stays bounded."""

from __future__ import annotations

import struct
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.errors import ScenarioError
from lab.importing import capture_file
from lab.importing.facts import KeepAlive, Kept, Message
from lab.importing.formats import format_of
from lab.importing.importing import import_files
from lab.importing.source import Source
from tests.unit.field_captures import PHONE, SERVER, pcap, pcapng, registered, udp


def _messages(path: Path) -> list[Message]:
    source = Source(path=path)
    return [fact for fact in format_of(source).read(source) if isinstance(fact, Message)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["microseconds", "nanoseconds", "pcapng"])
def test_both_formats_and_byte_orders(tmp_path: Path, order: str, kind: str) -> None:
    """The same messages, numbers and times."""
    frames = registered().frames
    data = (
        pcapng(frames, order=order)
        if kind == "pcapng"
        else pcap(frames, order=order, nanoseconds=kind != "microseconds")
    )
    (tmp_path / "x").write_bytes(data)
    found = _messages(tmp_path / "x")
    assert [(each.method, each.code, each.expires, each.place.number) for each in found] == [
        ("REGISTER", 0, None, 1),
        ("REGISTER", 401, None, 2),
        ("REGISTER", 0, 3600, 3),
        ("REGISTER", 200, 3600, 4),
    ]
    assert found[3].t - found[0].t == pytest.approx(0.3, abs=1e-5)


def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    """And says so, with the frame."""
    data = pcap(registered().frames)
    (tmp_path / "x").write_bytes(data[:-10])
    source = Source(path=tmp_path / "x")
    assert sum(isinstance(fact, Message) for fact in format_of(source).read(source)) == 3
    assert source.remarks == ["the file is cut off after frame 3; what stands before it was read"]


def test_a_fragmented_message_is_put_together(tmp_path: Path) -> None:
    """IPv4 fragments in the wrong order, with a VLAN tag."""
    frame = udp((PHONE, 5062), (SERVER, 5060), _long_register())
    packet = frame[14:]
    head, body = packet[:20], packet[20:]
    pieces = []
    for offset, end in ((1480, len(body)), (0, 1480)):
        more = 0x2000 if end < len(body) else 0
        part = (
            struct.pack("!BBHHHBBH", 0x45, 0, 20 + end - offset, 7, more | offset // 8, 64, 17, 0)
            + head[12:]
            + body[offset:end]
        )
        pieces.append((0.0, bytes(12) + b"\x81\x00\x00\x05\x08\x00" + part))
    (tmp_path / "x").write_bytes(pcap(pieces))
    (found,) = _messages(tmp_path / "x")
    assert found.method == "REGISTER"


def _long_register() -> bytes:
    from tests.unit.field_captures import register

    return register().replace(b"Content-Length", b"X-Long: " + b"x" * 1500 + b"\r\nContent-Length")


def test_keep_alives_of_a_flow_are_told_apart(tmp_path: Path) -> None:
    """CRLF, CRLF CRLF, nothing, STUN; a datagram of another flow is none of ours."""
    capture = registered()
    for t, data in ((1, b"\r\n"), (2, b"\r\n\r\n"), (3, b"\0"), (4, b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12))):
        capture.send(t, data, up=True)
    capture.frames.append((5.0, udp((PHONE, 4000), (SERVER, 4002), b"\r\n")))
    source = Source(path=capture.save(tmp_path / "x"))
    found = [fact.what for fact in format_of(source).read(source) if isinstance(fact, KeepAlive)]
    assert found == [Kept.PONG, Kept.PING, Kept.EMPTY, Kept.STUN_REQUEST]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(100), "of no format that the lab can import; expected one of "),
        (pcap([]), "no frame can be read"),
        (pcap(registered().frames)[:20], "no frame can be read (the file is cut off after frame 0"),
        (
            pcap([])[:24] + struct.pack("<IIII", 0, 0, 2**31, 2**31),
            "the file is damaged (a frame of 2,147,483,648 bytes)",
        ),
        (b"\x0a\x0d\x0d\x0a" + bytes(8), "a section without byte order"),
        (pcap([(0.0, bytes(60))]), "has no SIP that can be seen (none of its frames is an IP packet"),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(tmp_path: Path, data: bytes, said: str) -> None:
    """With status 2."""
    (tmp_path / "x.pcap").write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        import_files([tmp_path / "x.pcap"])
    assert said in str(caught.value)
    assert caught.value.exit_code == 2


def _text_or_error(path: Path) -> str:
    """The best scenario, or the one sentence of a refusal; nothing else is raised."""
    try:
        return import_files([path]).scenarios[0].text
    except ScenarioError as error:
        return str(error)


_GOOD = (pcap(registered().frames), pcapng(registered().frames), pcapng(registered().frames, order=">"))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.sampled_from(_GOOD),
    edits=st.lists(st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=8)), max_size=12),
    cut=st.integers(0, 3000),
)
def test_no_bytes_make_more_than_a_clear_error(
    tmp_path: Path, data: bytes, edits: list[tuple[int, bytes]], cut: int
) -> None:
    """Damaged and cut captures are read, or refused with a sentence."""
    damaged = bytearray(data)
    for at, what in edits:
        damaged[at % len(damaged) : at % len(damaged) + len(what)] = what
    if cut % 3 == 0:
        del damaged[cut % len(damaged) :]
    (tmp_path / "x").write_bytes(bytes(damaged))
    text = _text_or_error(tmp_path / "x")
    assert text.startswith(("title: ", str(tmp_path / "x")))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payloads=st.lists(st.tuples(st.booleans(), st.binary(max_size=80)), max_size=8))
def test_no_content_of_a_connection_does_either(tmp_path: Path, payloads: list[tuple[bool, bytes]]) -> None:
    """TLS, WebSocket and SIP over TCP, as an enemy writes them."""
    from tests.unit.field_captures import tcp

    ends = (PHONE, 40000), (SERVER, 5061)
    frames, at = [(0.0, tcp(*ends, 2, 99, 0))], {True: 100, False: 500}
    begins = (
        b"\x16\x03\x03\x00\x20",
        b"GET / HTTP/1.1\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"SIP/2.0 200 OK\r\nl: 70000\r\n\r\n",
    )
    for number, (up, payload) in enumerate(payloads):
        data = begins[len(payload) % 3] + payload
        frames.append((number + 1.0, tcp(*(ends if up else ends[::-1]), 0x18, at[up], at[not up], data)))
        at[up] += len(data)
    (tmp_path / "x").write_bytes(pcap(frames))
    text = _text_or_error(tmp_path / "x")
    assert text.startswith("title: ") or "has no SIP" in text


def test_a_large_file_takes_little_memory(tmp_path: Path) -> None:
    """40 MB of RTP and of other people's messages around one account; what is kept is that account's."""
    capture = registered()
    rtp = udp((PHONE, 4000), (SERVER, 4002), bytes([0x80]) + bytes(1200))
    head = pcap(capture.frames)
    one = pcap([(1.0, rtp)])[24:]
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.write(head)
        for _ in range(330):
            file.write(one * 100)
    assert path.stat().st_size > 40_000_000
    tracemalloc.start()
    try:
        import_files([path])
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 4_000_000


def test_what_a_block_says_of_its_length_is_not_believed(tmp_path: Path) -> None:
    """A block of a gigabyte is refused before it is read."""
    data = pcapng([]) + struct.pack("<II", 6, 2**30)
    (tmp_path / "x").write_bytes(data + bytes(1000))
    remarks: list[str] = []
    with (tmp_path / "x").open("rb") as file:
        assert list(capture_file.read_frames(file, remark=remarks.append)) == []
    assert remarks == [
        "the file is damaged (a block of 1,073,741,824 bytes) after frame 0; what stands before it was read"
    ]
