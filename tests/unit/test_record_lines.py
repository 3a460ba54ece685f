"""Events and endpoints as text, in lines of the record and in messages of the channel."""

from __future__ import annotations

from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.model.endpoint import Endpoint
from lab.record import codec
from lab.record.events import EVENTS, ClientTransport, Event, FaultEnded, NotifyReceived, ServerReady, name_of
from tests.records import CLIENT, INSIDE, REMOTE, packet

HOSTS = some.one_of(
    some.ip_addresses(v=4).map(str),
    some.ip_addresses(v=6).map(str),
    some.from_regex(r"[a-z][a-z0-9.-]{0,20}", fullmatch=True),
)
ENDPOINTS = some.builds(Endpoint, HOSTS, some.none() | some.integers(0, 65535))
BY_TYPE: dict[Any, some.SearchStrategy[Any]] = {
    str: some.text(),
    int: some.integers(-(2**63), 2**63 - 1),
    float: some.floats(allow_nan=False, allow_infinity=False),
    bool: some.booleans(),
    NoneType: some.none(),
    Endpoint: ENDPOINTS,
    tuple[str, ...]: some.lists(some.text()).map(tuple),
    dict[str, int]: some.dictionaries(some.text(), some.integers(0, 65535)),
    msgspec.Raw: some.dictionaries(some.text(), some.text()).map(lambda value: msgspec.Raw(msgspec.json.encode(value))),
}


def values_of(hint: Any) -> some.SearchStrategy[Any]:
    """Any value of a field's type."""
    if hint in BY_TYPE:
        return BY_TYPE[hint]
    if get_origin(hint) is Literal:
        return some.sampled_from(get_args(hint))
    return some.one_of(*(values_of(each) for each in get_args(hint)))


def events_of(kind: type[Event]) -> some.SearchStrategy[Event]:
    hints = get_type_hints(kind)
    return some.builds(kind, **{name: values_of(hints[name]) for name in kind.__struct_fields__})


ANY_EVENT = some.sampled_from(EVENTS).flatmap(events_of)


def plain(event: Event) -> tuple[type[Event], dict[str, Any]]:
    """An event to compare: two raw pieces of JSON are equal if their bytes are."""
    values = {name: getattr(event, name) for name in event.__struct_fields__}
    return type(event), {
        key: bytes(value) if isinstance(value, msgspec.Raw) else value for key, value in values.items()
    }


# Events


@settings(max_examples=400)
@given(event=ANY_EVENT, t=some.floats(-1e6, 1e6), who=some.text(), at=some.floats(0, 1e9))
def test_events_come_back_as_they_were(event: Event, t: float, who: str, at: float) -> None:
    """From the record and from the channel; each is one line."""
    line, message = codec.to_line(t, who, event), codec.to_message(event, at=at)
    assert line.index(b"\n") == len(line) - 1
    assert message.index(b"\n") == len(message) - 1
    entry = codec.from_line(line, number=7)
    assert (entry.t, entry.who, entry.line, plain(entry.event)) == (t, who, 7, plain(event))
    came_at, came = codec.from_message(message)
    assert (came_at, plain(came)) == (at, plain(event))


def test_every_event_has_a_name_of_its_own() -> None:
    """In kebab-case, as lines have it."""
    names = [name_of(kind) for kind in EVENTS]
    assert len(set(names)) == len(names)
    assert {name_of(ClientTransport), name_of(ServerReady), name_of(FaultEnded)} == {
        "transport",
        "server-ready",
        "fault-over",
    }


def test_halves_of_surrogate_pairs() -> None:
    """pjsua2 makes such texts of bytes that are not UTF-8: they reach the record with a mark in their place."""
    message = codec.to_message(NotifyReceived(note="a\udcffb\ud83d\ude00"), at=1.0)
    assert codec.from_message(message)[1] == NotifyReceived(note="a\ufffdb\U0001f600")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b'{"t":1.0,"who":"client"}',
        b'{"t":1.0,"who":"client","ev":"no-such-event"}',
        b'{"t":"soon","who":"client","ev":"subscribed"}',
        b'{"who":"client","ev":"subscribed"}',
        b'{"t":1.0,"who":"client","ev":"transport","id":"tp1","state":"open","local":"10.0.0.2:7"}',
        b'{"t":1.0,"who":"client","ev":"transport","id":"tp1","state":"connected","local":"10.0.0.2:x"}',
        b'{"t":1.0,"who":"client","ev":"transport","id":"tp1","state":"connected"}',
    ],
)
def test_what_is_no_line(line: bytes) -> None:
    """Nothing is made up where something is missing."""
    with pytest.raises(ValueError, match=r"."):
        codec.from_line(line, number=1)


def test_keys_are_not_pythons_words() -> None:
    """``from`` is one, so the field has an underscore; the line has none."""
    assert b'"from":"client"' in codec.to_json(packet(1.0, "lan", CLIENT, INSIDE, REMOTE).event)


# Endpoints


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("10.0.0.2:40001", "10.0.0.2", 40001),
        ("10.0.0.2", "10.0.0.2", None),
        ("10.0.0.2:0", "10.0.0.2", 0),
        ("[2001:db8::1]:5061", "2001:db8::1", 5061),
        ("2001:db8::1", "2001:db8::1", None),
        ("sip.example.com:5060", "sip.example.com", 5060),
    ],
)
def test_endpoint(text: str, host: str, port: int | None) -> None:
    """It is written as it was read."""
    endpoint = Endpoint.parse(text)
    assert (endpoint.host, endpoint.port, str(endpoint)) == (host, port, text)
    assert endpoint == Endpoint(host, port)


def test_endpoint_in_brackets_without_a_port() -> None:
    """It needs none, and gets none."""
    assert str(Endpoint.parse("[2001:db8::1]")) == "2001:db8::1"


@given(ENDPOINTS)
def test_endpoints_come_back_as_they_were(endpoint: Endpoint) -> None:
    assert Endpoint.parse(str(endpoint)) == endpoint
    assert hash(Endpoint.parse(str(endpoint))) == hash(endpoint)


@pytest.mark.parametrize(
    "text",
    ["", ":5060", "10.0.0.2:", "10.0.0.2:x", "10.0.0.2:65536", "10.0.0.2:-1", "10.0.0.2:\u0663", "[2001:db8::1",
     "[2001:db8::1]5", "[]:5"],
)  # fmt: skip
def test_what_is_no_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match=r"endpoint|port"):
        Endpoint.parse(text)


def test_endpoints_do_not_change() -> None:
    with pytest.raises(AttributeError):
        INSIDE.port = 7
