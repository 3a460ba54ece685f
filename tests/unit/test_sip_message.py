"""Reading and writing messages, one by one and from streams."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sip.message import LARGEST, MalformedMessage, Request, Response, parse
from lab.sip.stream import Item, KeepAlive, StreamParser

TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~", min_size=1, max_size=12)
VALUE = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=40).map(lambda text: text.strip(" \t"))
NAME = TOKEN.filter(lambda name: len(name) > 1 and name.lower() != "content-length").map(lambda name: "X-" + name)
HEADERS = st.lists(st.tuples(st.one_of(NAME, st.sampled_from(["Via", "To", "Contact"])), VALUE), max_size=6).map(tuple)
REQUESTS = st.builds(
    Request,
    method=TOKEN,
    uri=st.text("abc:@;=.0123456789", min_size=1, max_size=20),
    headers=HEADERS,
    body=st.binary(max_size=60),
)
RESPONSES = st.builds(
    Response,
    code=st.integers(100, 699),
    reason=st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20),
    headers=HEADERS,
    body=st.binary(max_size=60),
)
MESSAGES = st.one_of(REQUESTS, RESPONSES)


@given(MESSAGES)
def test_round_trip(message: Request | Response) -> None:
    """What is written is read back as it was."""
    assert parse(message.encode()) == message


@given(st.binary(max_size=300))
def test_any_datagram_is_a_message_or_malformed(data: bytes) -> None:
    """No bytes raise anything but the parser's own error."""
    with contextlib.suppress(MalformedMessage):
        parse(data)


@given(MESSAGES, st.data())
def test_any_damage_is_a_message_or_malformed(message: Request | Response, data: st.DataObject) -> None:
    """Nor does a message with some bytes replaced."""
    raw = bytearray(message.encode())
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(MalformedMessage):
        parse(bytes(raw))


def read(text: str) -> Request | Response:
    return parse(text.replace("\n", "\r\n").encode())


def test_forms_rfc_3261_allows() -> None:
    """Compact forms, any case, blanks around the colon, folded lines and empty values all read as the plain form."""
    message = read(
        "INVITE sip:bob@example.com;x=%41 SIP/2.0\n"
        "v: SIP/2.0/UDP a.example.com\n"
        "VIA  :SIP/2.0/TCP b.example.com,\n\t SIP/2.0/TLS c.example.com\n"
        "t :\n  <sip:bob@example.com>\n"
        "f:<sip:alice@example.com>;tag=1\n"
        "subject:\n"
        "l: 4\n\nbodytrailing"
    )
    assert message == Request(
        method="INVITE",
        uri="sip:bob@example.com;x=%41",
        headers=(
            ("Via", "SIP/2.0/UDP a.example.com"),
            ("Via", "SIP/2.0/TCP b.example.com, SIP/2.0/TLS c.example.com"),
            ("To", "<sip:bob@example.com>"),
            ("From", "<sip:alice@example.com>;tag=1"),
            ("Subject", ""),
        ),
        body=b"body",
    )


def test_unusual_but_valid_start_lines() -> None:
    """A method made of every token character, an empty reason, a reason in another script, blank lines before."""
    request = read("\n\n!I.n-v%i*t_e+`'~ sip:x SIP/2.0\n\n")
    assert isinstance(request, Request)
    assert request.method == "!I.n-v%i*t_e+`'~"
    assert read("SIP/2.0 100 \n\n") == Response(code=100, reason="")
    assert read("SIP/2.0 200 = 2**3 * 5**2 мин\n\n") == Response(code=200, reason="= 2**3 * 5**2 мин")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the header section has no end"),
        ("OPTIONS sip:x SIP/2.0\nTo: x\n", "the header section has no end"),
        ("GET / HTTP/1.1\nHost: x\n\n", "the first line is neither a request's nor a response's"),
        ("OPTIONS sip:x\n\n", "the first line is neither a request's nor a response's"),
        ("OPTIONS sip:x SIP/2.0 \n\n", "white space after the first line"),
        ("OPT{}IONS sip:x SIP/2.0\n\n", "the first line is neither a request's nor a response's"),
        ("SIP/2.0 4294967301 better not\n\n", "the first line is neither a request's nor a response's"),
        ("SIP/2.0 99 too small\n\n", "the first line is neither a request's nor a response's"),
        ("OPTIONS sip:x SIP/2.0\nno colon here\n\n", "a header line is not `name: value`"),
        ("OPTIONS sip:x SIP/2.0\nna me: x\n\n", "a header line is not `name: value`"),
        ("OPTIONS sip:x SIP/2.0\nTo: a\x00b\n\n", "a header line is not `name: value`"),
        ("OPTIONS sip:x SIP/2.0\nl: -5\n\n", "bad Content-Length"),
        ("OPTIONS sip:x SIP/2.0\nl: ten\n\n", "bad Content-Length"),
        ("OPTIONS sip:x SIP/2.0\nl: 1\nContent-Length: 2\n\nab", "bad Content-Length"),
        ("OPTIONS sip:x SIP/2.0\nl: 99999999999\n\n", "bad Content-Length"),
        ("OPTIONS sip:x SIP/2.0\nl: 5\n\nfour", "body shorter than its Content-Length"),
    ],
)
def test_malformed(text: str, reason: str) -> None:
    """Each kind of damage is named."""
    with pytest.raises(MalformedMessage) as caught:
        read(text)
    assert caught.value.reason == reason


def test_bare_line_feeds_are_not_line_ends() -> None:
    """A sender that ends its lines with LF alone is not understood: RFC 3261 §7 wants CRLF."""
    with pytest.raises(MalformedMessage, match="no end"):
        parse(b"OPTIONS sip:x SIP/2.0\nTo: x\n\n")


def test_not_utf_8() -> None:
    """Text that is not UTF-8 is malformed; a body may hold any bytes."""
    with pytest.raises(MalformedMessage, match="UTF-8"):
        parse(b"OPTIONS sip:x SIP/2.0\r\nSubject: \xff\r\n\r\n")
    assert parse(b"OPTIONS sip:x SIP/2.0\r\n\r\n\xff\x00").body == b"\xff\x00"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"OPTIONS sip:x SIP/2.0\r\nTo: <sip:x>\r\nSubject: \xff", "not UTF-8"),
        (b"OPTIONS sip:x SIP/2.0  \r\nTo: <sip:x>", "white space after the first line"),
        (b"OPTIONS sip:x SIP/2.0\t\r\nTo: <sip:x>", "white space after the first line"),
    ],
)
def test_what_is_malformed_and_can_be_answered(head: bytes, reason: str) -> None:
    """As RFC 4475 §3.1.2 has it: 400, with the fields that could be read."""
    with pytest.raises(MalformedMessage) as caught:
        parse(head + b"\r\n\r\n")
    assert (caught.value.reason, caught.value.code) == (reason, 400)
    assert caught.value.request == Request(method="OPTIONS", uri="sip:x", headers=caught.value.request.headers)  # type: ignore[union-attr]
    assert caught.value.request.first("To") == "<sip:x>"


def test_a_request_with_bad_headers_can_still_be_answered() -> None:
    """The error of a defective request carries what was readable of it."""
    with pytest.raises(MalformedMessage) as caught:
        read("OPTIONS sip:x SIP/2.0\nVia: SIP/2.0/UDP a\n???\nTo: <sip:x>\n\n")
    request = caught.value.request
    assert request is not None
    assert (request.first("Via"), request.first("To")) == ("SIP/2.0/UDP a", "<sip:x>")


# Streams

OPTIONS = Request(method="OPTIONS", uri="sip:x", headers=(("Call-ID", "1"),), body=b"hello")


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(marks)]


def run(*chunks: bytes) -> tuple[list[object], bool]:
    """Feed chunks; malformed items become their reason, so that runs can be compared."""
    parser = StreamParser()
    items: list[Item] = [item for chunk in chunks for item in parser.feed(chunk)]
    return [item.reason if isinstance(item, MalformedMessage) else item for item in items], parser.lost


STUFF = st.one_of(
    MESSAGES.map(lambda message: message.encode()),
    st.sampled_from(
        [b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"garbage\r\nl: 3\r\n\r\nabc", b"OPTIONS sip:x SIP/2.0\r\n\r\n"]
    ),
    st.binary(max_size=20),
)


@given(st.lists(STUFF, max_size=5).map(b"".join), st.lists(st.integers(0, 2000), max_size=8))
def test_chunking_does_not_matter(data: bytes, cuts: list[int]) -> None:
    """Any bytes, cut in any way, give what they give in one piece or byte by byte, and raise nothing."""
    whole = run(data)
    assert whole == run(*pieces(data, cuts))
    assert whole == run(*(data[index : index + 1] for index in range(len(data))))


@given(st.lists(MESSAGES, max_size=4), st.lists(st.integers(0, 2000), max_size=8))
def test_pipelined_messages(messages: list[Request | Response], cuts: list[int]) -> None:
    """Messages one after the other come out one by one."""
    data = b"".join(message.encode() for message in messages)
    assert run(*pieces(data, cuts)) == (messages, False)


@pytest.mark.parametrize(
    ("between", "pings"),
    [(b"", 0), (b"\r\n", 0), (b"\r\n\r\n", 1), (b"\r\n\r\n\r\n", 1), (b"\r\n" * 6, 3)],
)
def test_pings_between_messages(between: bytes, pings: int) -> None:
    """Each double CRLF between messages is a ping; a single one, a pong, is nothing."""
    data = OPTIONS.encode() + between + OPTIONS.encode()
    assert run(data) == ([OPTIONS, *[KeepAlive.PING] * pings, OPTIONS], False)


def test_a_ping_on_an_idle_stream_comes_out_at_once() -> None:
    """A ping needs nothing after it; half of one is kept."""
    parser = StreamParser()
    assert parser.feed(b"\r\n\r") == []
    assert parser.feed(b"\n") == [KeepAlive.PING]


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        (b"OPTIONS sip:x SIP/2.0\r\nTo: x", "no Content-Length on a stream"),
        (b"OPTIONS sip:x SIP/2.0\r\nl: x", "bad Content-Length"),
        (b"OPTIONS sip:x SIP/2.0\r\nl: 1\r\nl: 2", "bad Content-Length"),
        (b"OPTIONS sip:x SIP/2.0\r\nl: 70000", f"a body of more than {LARGEST} bytes"),
        (b"hello\r\nthere", "the first line is neither a request's nor a response's"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_where_the_end_is_not_known_the_stream_is_lost(head: bytes, reason: str) -> None:
    """What follows such a message is not read: it could be its body."""
    assert run(head + b"\r\n\r\n" + OPTIONS.encode()) == ([reason], True)


@pytest.mark.parametrize(
    "head",
    [
        b"hello\r\nContent-Length: 3",
        b"OPTIONS sip:x SIP/2.0\r\nbad line\r\nl:3",
        b"OPTIONS sip:x FOO/1.0\r\nL : 3",
    ],
)
def test_where_the_end_is_known_the_stream_goes_on(head: bytes) -> None:
    """A malformed message with a good Content-Length costs only itself."""
    items, lost = run(head + b"\r\n\r\nabc" + OPTIONS.encode())
    assert (items[1:], lost) == ([OPTIONS], False)
    assert isinstance(items[0], str)


def test_a_content_length_too_small_damages_the_next_message_only() -> None:
    """The rest of the body is taken for the beginning of the next message, which says where it ends."""
    short = OPTIONS.encode().replace(b"Content-Length: 5", b"Content-Length: 2")
    items, lost = run(short + OPTIONS.encode() + OPTIONS.encode())
    assert (len(items), items[2], lost) == (3, OPTIONS, False)


def test_a_content_length_too_large_takes_from_the_next_message() -> None:
    """Nothing comes out until the announced bytes are there."""
    long = OPTIONS.encode().replace(b"Content-Length: 5", b"Content-Length: 40")
    assert run(long) == ([], False)
    items, _ = run(long + OPTIONS.encode())
    assert isinstance(items[0], Request)
    assert len(items[0].body) == 40


@pytest.mark.parametrize("junk", [b"x" * (LARGEST + 4), b"a: b\r\n" * 11000])
def test_a_head_without_end_is_bounded(junk: bytes) -> None:
    """No peer can make the parser keep more than one message's worth of bytes."""
    parser = StreamParser()
    (item,) = parser.feed(junk)
    assert isinstance(item, MalformedMessage)
    assert (item.code, parser.lost, parser.feed(OPTIONS.encode())) == (513, True, [])


def test_the_largest_message_passes() -> None:
    """The bound is on head and body each, inclusive."""
    large = Request(method="OPTIONS", uri="sip:x", body=b"x" * LARGEST)
    assert run(large.encode()) == ([large], False)
