"""What a client may say, and what becomes of everything else."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.clients.protocol import (
    EVENTS,
    LONGEST_LINE,
    LONGEST_TEXT,
    MOST_BYTES,
    MOST_EVENTS,
    ClientLineDecoder,
    ClientMessage,
    FieldKind,
    ProtocolViolation,
    read,
)
from lab.model.endpoint import Endpoint
from lab.record import codec
from lab.record.entry import Entry, TimedEvent
from lab.record.events import (
    ClientEvent,
    ClientReady,
    Event,
    LimitPassed,
    NeverSilent,
    NotifyReceived,
    Other,
    ProtocolError,
    RecordBegan,
    Subscribed,
)
from lab.record.reader import read as read_record
from lab.record.writer import RecordWriter
from lab.runner import actor_handle
from lab.runner.actor_handle import ActorHandle, Bounds
from tests.records import cell

NOW = 5000.0

GOOD: dict[FieldKind, Any] = {
    FieldKind.TEXT: "some text",
    FieldKind.TEXTS: ["options-ping"],
    FieldKind.NUMBER: 1.5,
    FieldKind.WHOLE: 200,
    FieldKind.FLAG: True,
    FieldKind.TRANSPORT_STATE: "connected",
    FieldKind.SUBSCRIPTION_STATE: "active",
    FieldKind.CALL_STATE: "confirmed",
    FieldKind.MESSAGE_WAY: "sent",
    FieldKind.MESSAGE: "OPTIONS sip:a SIP/2.0\r\n\r\n" + 2 * LONGEST_TEXT * "\x1b",
    FieldKind.ENDPOINT: "10.0.0.2:40001",
}
READ: dict[FieldKind, Any] = {FieldKind.TEXTS: ("options-ping",), FieldKind.ENDPOINT: Endpoint("10.0.0.2", 40001)}
"""How good values arrive, if not as they are."""
BAD: dict[FieldKind, list[Any]] = {
    **{key: [5, ["a"], {}, True] for key in (FieldKind.TEXT, FieldKind.MESSAGE)},
    FieldKind.TEXTS: ["options-ping", [5], {}],
    FieldKind.NUMBER: ["1.5", True, [], 10**400],
    FieldKind.WHOLE: [1.5, "200", True, 2**63],
    FieldKind.FLAG: [1, "true", []],
    FieldKind.TRANSPORT_STATE: ["open", 1, "connected, disconnected"],
    FieldKind.SUBSCRIPTION_STATE: ["refreshed", None],
    FieldKind.CALL_STATE: ["ringing", {}],
    FieldKind.MESSAGE_WAY: ["lost", 1],
    FieldKind.ENDPOINT: ["10.0.0.2", 5060, "10.0.0.2:port", ":5060", "10.0.0.2:65536"],
}


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


def said(data: bytes) -> ClientMessage:
    event = read(data, now=NOW)
    assert isinstance(event, ClientMessage), event
    return event


def event_of(ev: str, **values: Any) -> ClientEvent:
    """The event that a line with these good values says."""
    known = EVENTS[ev]
    kinds = {**known.must, **known.may}
    return known.event(**{known.names[key]: READ.get(kinds[key], value) for key, value in values.items()})


def why(data: bytes) -> str:
    event = read(data, now=NOW)
    assert isinstance(event, ProtocolViolation), event
    return event.why


def test_kinds_are_all_tried() -> None:
    assert set(GOOD) == set(BAD) == set(FieldKind)


@pytest.mark.parametrize("ev", EVENTS)
def test_event_with_everything(ev: str) -> None:
    """Each event may say all its fields, and they arrive as they are."""
    fields = {name: GOOD[kind] for name, kind in {**EVENTS[ev].must, **EVENTS[ev].may}.items()}
    assert said(line(ev=ev, at=NOW, **fields)) == ClientMessage(event_of(ev, **fields), NOW)


@pytest.mark.parametrize("ev", EVENTS)
def test_event_with_little(ev: str) -> None:
    """What an event must say is enough, and each part of that is needed."""
    must = {name: GOOD[kind] for name, kind in EVENTS[ev].must.items()}
    assert said(line(ev=ev, **must)).event == event_of(ev, **must)
    for name in must:
        assert f"`{ev}` without `{name}`" in why(line(ev=ev, **{**must, name: None}))


@pytest.mark.parametrize(
    ("ev", "name", "value"),
    [
        (ev, name, value)
        for ev, event in EVENTS.items()
        for name, kind in {**event.must, **event.may}.items()
        for value in BAD[kind]
        if value is not None
    ],
)
def test_field_of_the_wrong_type(ev: str, name: str, value: Any) -> None:
    """It is named, with what it should have been."""
    fields = {key: GOOD[kind] for key, kind in EVENTS[ev].must.items()}
    assert f"`{name}` of `{ev}` is not" in why(line(ev=ev, **{**fields, name: value}))


@pytest.mark.parametrize("ev", ["aborted", "probe", "flow", "mapping", "fault", "end", "packet", "protocol-error", "x"])
def test_what_a_client_cannot_say(ev: str) -> None:
    """Events that are not a client's are kept under a name from which nothing follows."""
    fields = {"who": "server", "t": 1.0, "state": "answered", "probe": "p1"}
    event = said(line(ev=ev, **fields)).event
    assert isinstance(event, Other)
    assert event.said == ev
    assert json.loads(event.fields) == fields


@pytest.mark.parametrize("ev", EVENTS)
def test_fields_that_are_not_the_events(ev: str) -> None:
    """They reach no name that anybody looks at: who says it, when, on which flow."""
    must = {name: GOOD[kind] for name, kind in EVENTS[ev].must.items()}
    foreign = {"who": "server", "t": 1.0, "flow": "f1", "probe": "p1", "self": 1, "link": "lan"}
    event = said(line(ev=ev, **must, **foreign)).event
    assert isinstance(event, ClientEvent)
    assert msgspec.structs.replace(event, also=msgspec.UNSET) == event_of(ev, **must)
    assert isinstance(event.also, str)
    assert json.loads(event.also) == foreign


@pytest.mark.parametrize("ev", EVENTS)
def test_the_labs_own_client_writes_nothing_else(ev: str) -> None:
    """What it writes of an event is that event, and no field is left over."""
    event = event_of(ev, **{name: GOOD[kind] for name, kind in EVENTS[ev].must.items()})
    assert said(codec.to_json(event)).event == event
    assert b"also" not in codec.to_json(event)


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"hello", "not JSON"),
        (b"\xff\xfe{}", "not JSON"),
        (b'{"ev": "ready", "at": NaN}', "not JSON"),
        pytest.param(b"[" * 60_000, "", id="open"),
        pytest.param(b'{"ev": "x", "y": ' + b"[" * 900 + b"]" * 900 + b"}", "nested more than 20 levels", id="deep"),
        pytest.param(b'{"ev": "x", "y": ' + b"[" * 9000 + b"]" * 9000 + b"}", "nested more than 20", id="deeper"),
        pytest.param(b'{"y": ' + b'{"y":' * 21 + b"1" + b"}" * 22, "nested more than 20 levels deep", id="mappings"),
        (b'{"at": ' + b"9" * 5000 + b"}", "not"),
        (b"[]", "not a JSON object"),
        (b"5", "not a JSON object"),
        (b"{}", "no event name"),
        (b'{"ev": 5}', "no event name"),
        (b'{"ev": "ready", "at": "now"}', "`at` is not a number"),
        (b'{"ev": "ready", "at": true}', "`at` is not a number"),
        (b'{"ev": "ready", "at": 1795392000.5}', "CLOCK_MONOTONIC"),
        (b'{"ev": "ready", "at": 5001}', "CLOCK_MONOTONIC"),
        (b'{"ev": "ready", "at": 0}', "CLOCK_MONOTONIC"),
        (b'{"ev": "ready", "at": -1e999}', "`at` is not a number"),
    ],
)
def test_broken_line(data: bytes, complaint: str) -> None:
    """Whatever a client writes, it is an observation, not an end of the lab."""
    assert complaint in why(data)


def test_texts_can_be_shown() -> None:
    """No control sequence, no half of a surrogate pair, nothing endless gets into a report."""
    event = said(line(ev="notify", note="\x1b[31m\ud800" + "a" * 2 * LONGEST_TEXT)).event
    assert isinstance(event, NotifyReceived)
    note = event.note
    assert note is not None
    assert note.encode()
    assert "\x1b" not in note
    assert len(note) <= LONGEST_TEXT + 1


def test_time_that_is_not_said() -> None:
    """It is then for the runner to stamp."""
    assert said(line(ev="subscribed")).at is None


def test_pieces() -> None:
    """Lines are put together from whatever pieces come, empty lines are nothing."""
    lines = ClientLineDecoder()
    data = line(ev="ready") + b"\n\n" + line(ev="subscribed") + b"\n"
    events = [event for byte in data for event in lines.feed(bytes([byte]), now=NOW)]
    assert [event.event for event in events if isinstance(event, ClientMessage)] == [ClientReady(), Subscribed()]


@pytest.mark.parametrize("piece", [10 * LONGEST_LINE, 1000])
def test_giant_line(piece: int) -> None:
    """It is complained of once, not kept, and what follows it is heard."""
    lines = ClientLineDecoder()
    giant = b"x" * 5 * LONGEST_LINE + b"\n" + line(ev="subscribed") + b"\n"
    events: list[ClientMessage | ProtocolViolation] = []
    for at in range(0, len(giant), piece):
        events += lines.feed(giant[at : at + piece], now=NOW)
        assert len(lines._rest) <= LONGEST_LINE
    (broken, subscribed) = events
    assert isinstance(broken, ProtocolViolation)
    assert isinstance(subscribed, ClientMessage)
    assert len(broken.line) <= 200


class Ended:
    """An actor of which only the channel is there."""

    node = "alices-phone"

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.ended, self._ending = os.pipe()

    def close(self) -> None:
        for fd in (self.ended, self._ending):
            os.close(fd)


def heard(
    tmp_path: Path, data: bytes, *, until: int | Callable[[Event], bool], bounds: Bounds | None = None
) -> list[Entry[Event]]:
    """The record of what an actor link makes of it, once ``until`` events are there, or one of which it is true."""
    record = RecordWriter(tmp_path / "record.jsonl")
    ours, theirs = socket.socketpair()
    actor = Ended(ours)

    async def listen() -> None:
        link = ActorHandle("client", actor, record, logs=(), ears=ClientLineDecoder(), bounds=bounds)  # type: ignore[arg-type]
        enough = asyncio.get_running_loop().create_future()
        count = 0

        def see(happening: TimedEvent[Event]) -> None:
            nonlocal count
            count += 1
            if until(happening.event) if callable(until) else count == until:
                enough.set_result(None)

        record.watch(see)
        link.attach()
        sending = asyncio.get_running_loop().run_in_executor(None, theirs.sendall, data)
        await asyncio.wait_for(enough, 60)
        link._detach()
        theirs.close()
        ours.close()
        await asyncio.gather(sending, return_exceptions=True)

    asyncio.run(listen())
    actor.close()
    record.close()
    entries = read_record(tmp_path / "record.jsonl", cell())
    return [entry for entry in entries if not isinstance(entry.event, RecordBegan | NeverSilent)]


def test_arrival_is_stamped(tmp_path: Path) -> None:
    """An event that does not say when it happened happened when it came."""
    (entry,) = heard(tmp_path, b'{"ev": "ready"}\n', until=1)
    assert 0 <= entry.t < 30


def test_complaints_are_few(tmp_path: Path) -> None:
    """Of many broken lines the first are told, and what comes between them is heard."""
    entries = heard(tmp_path, b"oops\n" * 1000 + b'{"ev": "ready"}\n', until=actor_handle.MOST_COMPLAINTS + 1)
    *complaints, last = entries
    assert [type(entry.event) for entry in complaints] == [ProtocolError] * actor_handle.MOST_COMPLAINTS
    assert (last.who, last.event) == ("alices-phone", ClientReady())
    event = complaints[0].event
    assert isinstance(event, ProtocolError)
    assert (complaints[0].who, event.actor, event.wrote) == ("runner", "client", "oops")


@pytest.mark.parametrize(
    ("data", "bounds", "what"),
    [
        (b'{"ev": "notify"}\n' * 50_000, Bounds(100_000, 10**6, 10**6, 10**6), "wrote more than 0 MiB"),
        (b'{"ev": "notify"}\n' * 50_000, Bounds(10**9, 5000, 10**6, 10**6), "wrote more than 5,000 lines"),
        (b"x\n" * 500_000, Bounds(10**9, 10**6, 5000, 10**6), "wrote more than 5,000 lines before its account was set"),
        (b"x" * 5 * LONGEST_LINE, Bounds(4 * LONGEST_LINE, 10**6, 10**6, 10**6), "wrote more than 0 MiB"),
    ],
)
def test_flood(tmp_path: Path, data: bytes, bounds: Bounds, what: str) -> None:
    """A client that says too much is not heard any further, and that is said."""
    (tmp_path / "out").touch()
    entries = heard(tmp_path, data, until=lambda event: isinstance(event, LimitPassed), bounds=bounds)
    event = entries[-1].event
    assert isinstance(event, LimitPassed)
    assert event.actor == "client"
    assert what in event.what
    assert len(entries) < 15_000


def test_week_of_pings() -> None:
    """What a client writes who pings every five seconds for a week is within the bounds."""
    answer = line(at=NOW, ev="options-answer", n=120_960, code=200, reason="OK") + b"\n"
    pings = 7 * 86_400 // 5
    assert pings < MOST_EVENTS / 2
    assert pings * len(answer) < MOST_BYTES / 2


def test_log_that_is_full(tmp_path: Path) -> None:
    """It is noticed when the client ends, or when the cell says how far it is; once."""
    log = tmp_path / "client.out"
    log.write_bytes(b"x" * 100)
    record = RecordWriter(tmp_path / "record.jsonl")
    seen: list[TimedEvent[Event]] = []
    record.watch(seen.append)
    ours, theirs = socket.socketpair()
    actor = Ended(ours)
    for most in (101, 100):
        bounds = Bounds(10, 10, 10, output=most)
        link = ActorHandle("client", actor, record, logs=(log,), ears=ClientLineDecoder(), bounds=bounds)  # type: ignore[arg-type]
        link.check_output()
        link.check_output()
    actor.close()
    theirs.close()
    ours.close()
    record.close()
    passed = LimitPassed(actor="client", what="wrote more than 0 MiB on standard error")
    assert [happening.event for happening in seen] == [passed]


SCALARS = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(-(2**70), 2**70),
    some.floats(),
    some.text(max_size=20),
    some.sampled_from(["\x1b[31m", "\ud800", "\u202e", "10.0.0.2:40001", "active", "x" * 5000]),
)
VALUES = some.recursive(
    SCALARS,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
LINES = some.one_of(
    some.builds(
        lambda ev, fields, at: json.dumps({"ev": ev, **fields, **at}).encode(),
        some.sampled_from([*EVENTS, "aborted", "probe", ""]) | VALUES,
        some.dictionaries(
            some.sampled_from(sorted({key for known in EVENTS.values() for key in (*known.must, *known.may)}))
            | some.text(max_size=8),
            VALUES,
            max_size=6,
        ),
        some.sampled_from([{}, {"at": NOW}, {"at": -1}, {"at": 1e400}, {"at": "now"}]),
    ),
    some.builds(lambda depth, mark: b'{"ev": "x", "y": ' + mark * depth, some.integers(1, 60_000), some.just(b"[")),
    some.builds(
        lambda depth: b'{"ev": "x", "y": ' + b'{"a":' * depth + b"1" + b"}" * (depth + 1), some.integers(1, 5000)
    ),
    some.builds(lambda depth: b'{"ev": "x", "y": ' + b"[" * depth + b"]" * depth + b"}", some.integers(1, 5000)),
    some.binary(max_size=60),
)


@settings(deadline=None, database=None, max_examples=400)
@given(data=LINES)
def test_any_line(data: bytes) -> None:
    """Whatever a client writes becomes an event that can be written into a record and shown, or a complaint."""
    for event in ClientLineDecoder().feed(data.replace(b"\n", b" ") + b"\n", now=NOW):
        if isinstance(event, ClientMessage):
            assert codec.from_line(codec.to_line(1.0, "phone", event.event), number=1).event == event.event
            shown = str(event.event)
        else:
            shown = event.why + event.line
        assert len(shown) < 20_000
        assert not {"\x1b", "\u202e", "\n"} & set(shown)
        shown.encode()
