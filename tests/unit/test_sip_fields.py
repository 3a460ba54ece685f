"""Inside header fields."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sip.fields import NameAddr, Uri, Via, parse_cseq, parse_expires, split
from lab.sip.message import MalformedMessage


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:a@example.com", Uri("sip", "a", "example.com")),
        ("SIP:Alice@EXAMPLE.com:5070", Uri("sip", "Alice", "example.com", 5070)),
        ("sip:10.0.0.1", Uri("sip", None, "10.0.0.1")),
        ("sip:a:p@[2001:db8::1]:1;x=y;lr", Uri("sip", "a:p", "[2001:db8::1]", 1, (("x", "y"), ("lr", None)))),
        ("sips:a@h?Subject=x%20y&b=", Uri("sips", "a", "h", None, (), "Subject=x%20y&b=")),
        ("sip:+1;phone-context=x@h;user=phone", Uri("sip", "+1;phone-context=x", "h", None, (("user", "phone"),))),
    ],
)  # fmt: skip
def test_uri(text: str, uri: Uri) -> None:
    """Every part is found, and written back it is the same URI."""
    assert Uri.parse(text) == uri
    assert Uri.parse(str(uri)) == uri


@pytest.mark.parametrize(
    "text", ["", "sip:", "tel:+1", "sip:a@", "sip:a@h:0", "sip:a@h:65536", "sip:a b@h", "sip:@<h>"]
)
def test_not_a_sip_uri(text: str) -> None:
    """What is not one is refused."""
    with pytest.raises(MalformedMessage):
        Uri.parse(text)


@pytest.mark.parametrize(
    ("text", "transport", "endpoint"),
    [
        ("sip:a@10.0.0.1", "udp", ("10.0.0.1", 5060)),
        ("sip:a@10.0.0.1;transport=TCP", "tcp", ("10.0.0.1", 5060)),
        ("sip:a@10.0.0.1:7;transport=TLS", "tls", ("10.0.0.1", 7)),
        ("sips:a@10.0.0.1", "tls", ("10.0.0.1", 5061)),
    ],
)
def test_where_a_uri_leads(text: str, transport: str, endpoint: tuple[str, int]) -> None:
    """Transport and port have the defaults of RFC 3263 §4."""
    assert (Uri.parse(text).transport, Uri.parse(text).endpoint) == (transport, endpoint)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("<sip:a@h>", NameAddr("", "sip:a@h")),
        ("<sip:a@h;lr>;tag=x", NameAddr("", "sip:a@h;lr", (("tag", "x"),))),
        ("sip:a@h;tag=x", NameAddr("", "sip:a@h", (("tag", "x"),))),
        ("Al Ice  <sip:a@h> ; Tag = x;y", NameAddr("Al Ice", "sip:a@h", (("tag", "x"), ("y", None)))),
        ('"a \\" <b>, ;" <tel:+1;ext=2>;q="x;y"', NameAddr('"a \\" <b>, ;"', "tel:+1;ext=2", (("q", '"x;y"'),))),
        ('""<sip:h>', NameAddr('""', "sip:h")),
    ],
)
def test_name_addr(text: str, address: NameAddr) -> None:
    """Every part is found, and written back it is the same address."""
    assert NameAddr.parse(text) == address
    assert NameAddr.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "<>", "alice", '"open <sip:a@h>', "<sip:a@h", "<sip:a@h>x", "sip:a@h?x=y", "a, <sip:h>"]
)
def test_not_a_name_addr(text: str) -> None:
    """What is not one is refused; a bare URI may have no `?` (RFC 3261 §20)."""
    with pytest.raises(MalformedMessage):
        NameAddr.parse(text)


@pytest.mark.parametrize(
    ("text", "via"),
    [
        ("SIP/2.0/UDP h", Via("UDP", "h")),
        ("sip / 2.0 / TLS   H.example : 1 ;X=A;rport", Via("TLS", "h.example", 1, (("x", "A"), ("rport", None)))),
        ("SIP/2.0/UNHEARD-OF [2001:db8::1]:1 ; ttl=1", Via("UNHEARD-OF", "[2001:db8::1]", 1, (("ttl", "1"),))),
    ],
)  # fmt: skip
def test_via(text: str, via: Via) -> None:
    """Every part is found, and written back it is the same Via."""
    assert Via.parse(text) == via
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize("text", ["", "SIP/2.0/UDP", "SIP/3.0/UDP h", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP ,", "UDP h"])
def test_not_a_via(text: str) -> None:
    """What is not one is refused."""
    with pytest.raises(MalformedMessage):
        Via.parse(text)


@pytest.mark.parametrize(
    ("via", "written", "port"),
    [
        # sent-by differs, no rport: back to the source address, to the port of sent-by
        ("10.0.0.2:5070", "10.0.0.2:5070;received=198.51.100.2", 5070),
        ("phone.local", "phone.local;received=198.51.100.2", 5060),
        # sent-by is the source: nothing to add
        ("198.51.100.2:5070", "198.51.100.2:5070", 5070),
        # rport asked for: always both, and back to the source port
        ("10.0.0.2;rport", "10.0.0.2;rport=40000;received=198.51.100.2", 40000),
        ("198.51.100.2;rport", "198.51.100.2;rport=40000;received=198.51.100.2", 40000),
        # what the peer claims about itself does not count
        ("10.0.0.2;received=1.2.3.4;rport=9", "10.0.0.2;received=198.51.100.2;rport=40000", 40000),
    ],
)
def test_received_and_rport(via: str, written: str, port: int) -> None:
    """RFC 3581 §4, row by row; the request came from 198.51.100.2:40000, and the answer goes there, to this port."""
    stamped = Via.parse(f"SIP/2.0/UDP {via}").received_from(("198.51.100.2", 40000))
    assert (str(stamped), stamped.response_endpoint) == (f"SIP/2.0/UDP {written}", ("198.51.100.2", port))


def test_split() -> None:
    """Marks in quotes and angle brackets do not count; empty parts go."""
    assert split('"a,b" <sip:x,y>;q=1, , c', ",") == ('"a,b" <sip:x,y>;q=1', "c")
    assert split("", ",") == ()


@given(st.text(max_size=60))
def test_any_text_is_read_or_malformed(text: str) -> None:
    """No text raises anything but the parser's own error."""
    for read in (Uri.parse, NameAddr.parse, Via.parse, parse_cseq, parse_expires):
        with contextlib.suppress(MalformedMessage):
            read(text)


@pytest.mark.parametrize("text", ["", "1", "x OPTIONS", "-1 OPTIONS", "2147483648 OPTIONS", "1 2 OPTIONS"])
def test_bad_cseq(text: str) -> None:
    """A CSeq is a number below 2**31 and a method (RFC 3261 §8.1.1.5)."""
    with pytest.raises(MalformedMessage):
        parse_cseq(text)


def test_good_cseq_and_expires() -> None:
    """Leading zeros and long blanks are fine; a time too long for 32 bits counts as the longest."""
    assert parse_cseq("0009\t  OPTIONS") == (9, "OPTIONS")
    assert parse_cseq("2147483647 X") == (2**31 - 1, "X")
    assert [parse_expires(text) for text in ("0", "600", "9" * 5000)] == [0, 600, 2**32 - 1]


@pytest.mark.parametrize("text", ["", "-1", "1.5", "soon", "1 2"])
def test_bad_expires(text: str) -> None:
    """Anything but digits is refused."""
    with pytest.raises(MalformedMessage):
        parse_expires(text)


@pytest.mark.timeout(5)
@pytest.mark.parametrize("text", ['"' * 60000, '\\"' * 30000, " " * 60000, "a " * 30000, "<" * 60000, ";a=" * 20000])
def test_no_field_takes_long(text: str) -> None:
    """Fields as long as a message can be are refused or read in no time worth mentioning."""
    for read in (Uri.parse, NameAddr.parse, Via.parse, lambda value: split(value, ",")):
        with contextlib.suppress(MalformedMessage):
            read(text)
