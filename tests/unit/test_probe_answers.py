"""What the measurement of a NAT concludes from what it saw. Pure."""

from __future__ import annotations

import struct

import pytest

from lab.model.middlebox import ForgottenFlow
from lab.nat_probe import stun
from lab.nat_probe.forgotten import Encounter, behavior
from lab.nat_probe.hops import decoded, in_a_row
from lab.nat_probe.payload import changes, register
from lab.nat_probe.translation import port_manner


@pytest.mark.parametrize(
    ("dead", "boxes"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2], [1, 2]),  # two NATs that are neighbours
        ([0, 1, 2], [1]),  # one that is refreshed only by what it passes on
        ([1, 3], [1, 3]),
        ([0, 1, 2, 5], [1, 5]),
        ([2, 3, 4, 5], [3, 5]),
    ],
)
def test_hops_that_hold_state(dead: list[int], boxes: list[int]) -> None:
    """Each hop that nobody refreshed and that forgot; three in a row are one."""
    assert decoded(dead) == boxes


@pytest.mark.parametrize(
    ("local", "hops", "boxes", "said"),
    [
        ("10.0.0.2", ["10.0.0.1", "198.51.100.1"], [1], ""),
        ("10.0.0.2", ["10.0.0.1", "100.64.0.1", "198.51.100.1"], [1], "hop 2 has the address 100.64.0.1"),
        ("10.0.0.2", ["10.0.0.1", "", ""], [1, 2], "hops 1 and 2 hold state"),
        ("100.64.0.9", ["100.64.0.1"], [1], ""),  # a host in the carrier's own network
        ("10.0.0.2", ["10.0.0.1", "100.63.0.1"], [1], ""),
    ],
)
def test_several_nats(local: str, hops: list[str], boxes: list[int], said: str) -> None:
    """By their state, or by an address of a carrier's network behind a home's."""
    assert in_a_row(local, hops, boxes).startswith(said)
    assert bool(in_a_row(local, hops, boxes)) == bool(said)


@pytest.mark.parametrize(
    ("pairs", "manner"),
    [
        ([(5000, 5000), (5001, 5001)], "preserved"),
        ([(5000, 5000), (5001, 5001), (5002, 1024)], "preserved in part"),
        ([(5000 + 7 * n, 20000 + n) for n in range(16)], "contiguous"),
        ([(5000 + 7 * n, 20000 + 2 * n) for n in range(16)], "contiguous"),
        ([(5000 + n, 20000 + n * 7919 % 40000 // 2 * 2 + n % 2) for n in range(16)], "random, of the same parity"),
        ([(5000 + n, 20000 + n * 7919 % 30011) for n in range(16)], "random"),
    ],
)
def test_outside_ports(pairs: list[tuple[int, int]], manner: str) -> None:
    """As RFC 4787 §4.2 has them."""
    assert port_manner(pairs) == manner


@pytest.mark.parametrize(
    ("inside_found", "outside_found", "inside", "outside", "elsewhere", "way"),
    [
        ("nothing", "nothing", "nothing", "nothing", False, ForgottenFlow.SILENT),
        ("nothing", "nothing", "delivered", "nothing", False, ForgottenFlow.REPICKUP),
        ("nothing", "nothing", "reset", "nothing", True, ForgottenFlow.REPICKUP_NEW_PORT),
        ("nothing", "nothing", "reset", "nothing", False, ForgottenFlow.RST_TO_INSIDE),
        ("nothing", "nothing", "reset", "reset", False, ForgottenFlow.RST_TO_SENDER),
        ("nothing", "nothing", "unreachable", "nothing", False, ForgottenFlow.UNREACHABLE_TO_INSIDE),
        ("reset", "reset", "nothing", "nothing", False, ForgottenFlow.RST_TO_BOTH),
        ("closed", "nothing", "nothing", "nothing", False, ForgottenFlow.FIN_TO_INSIDE),
        ("reset", "nothing", "nothing", "nothing", False, None),
        ("nothing", "nothing", "nothing", "reset", False, None),
    ],
)
def test_what_a_forgotten_flow_met(
    inside_found: str, outside_found: str, inside: str, outside: str, *, elsewhere: bool, way: ForgottenFlow | None
) -> None:
    """Each behavior of a profile by what both sides saw; what no profile can say is told in words."""
    met = Encounter(
        inside_found=inside_found, outside_found=outside_found, inside=inside, outside=outside, elsewhere=elsewhere
    )
    assert behavior(met)[0] is way
    assert bool(behavior(met)[1]) == (way is None)


def test_a_responder_without_root_leaves_a_doubt() -> None:
    """A RST may come from the far end, which knows no connection from a new port: only raw segments tell."""
    met = Encounter(inside_found="nothing", outside_found="nothing", inside="reset", outside="nothing", elsewhere=None)
    way, unsure = behavior(met)
    assert way is ForgottenFlow.RST_TO_INSIDE
    assert "repickup-on-new-port" in unsure


def test_changed_lines_of_a_request() -> None:
    """Those that arrived and were not sent; none if nothing was changed."""
    sent = register("UDP", ("10.0.0.2", 5000), "203.0.113.10", "z9hG4bKlab-0-0")
    arrived = sent.replace(b"10.0.0.2:5000>", b"198.51.100.2:5000>").replace(
        b"Contact: <sip:lab-probe@10.0.0.2", b"Contact: <sip:lab-probe@198.51.100.2"
    )
    assert changes(sent, arrived) == ["Contact: <sip:lab-probe@198.51.100.2:5000;transport=udp>"]


def test_stun_answers() -> None:
    """A success response with XOR-MAPPED-ADDRESS and OTHER-ADDRESS is read; any cut of it, or another's, is none."""
    name = bytes(range(12))
    cookie = 0x2112A442
    mapped = struct.pack("!HHBBHI", 0x0020, 8, 0, 1, 4000 ^ (cookie >> 16), 0xC6336402 ^ cookie)
    other = struct.pack("!HHBBHI", 0x802C, 8, 0, 1, 3479, 0xCB00710B)
    software = struct.pack("!HH", 0x8022, 3) + b"abc\0"
    body = software + mapped + other
    answer = struct.pack("!HHI", 0x0101, len(body), cookie) + name + body
    assert stun.parsed(answer, name) == stun.Binding(("198.51.100.2", 4000), ("203.0.113.11", 3479))
    assert stun.parsed(answer, bytes(12)) is None
    for length in range(20 + len(software) + 4):
        assert stun.parsed(answer[:length], name) is None
