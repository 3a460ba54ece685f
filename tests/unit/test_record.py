"""The record: events as lines, how it is written and read, and lines from before events had types."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.errors import ScenarioError
from lab.model.endpoint import Endpoint
from lab.model.scenario import Probe as ProbeToSend
from lab.model.scenario import ProbeKind
from lab.record import codec
from lab.record.entry import Entry, TimedEvent
from lab.record.events import (
    EVENTS,
    VERSION,
    Binding,
    ClientSubscription,
    ClientTransport,
    Event,
    FaultBegan,
    FaultEnded,
    Mapping,
    NeverSilent,
    NotifyReceived,
    Packet,
    Probe,
    RecordBegan,
    SentinelChallenged,
    SentinelOpened,
    SentinelOutcome,
    ServerReady,
    ServerSubscription,
    Subscribed,
    name_of,
)
from lab.record.flows import Flows
from lab.record.reader import read
from lab.record.writer import FILE_NAME, RUNNER, RecordWriter
from lab.runner.sequence_numbers import SequenceNumbers
from lab.units import Seconds
from tests.records import BOX, CLIENT, INSIDE, MAPPED, OUTSIDE, REMOTE, SERVER, cell, changed, flow_set_up, packet

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


# Events as lines


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


# Writing


def test_writer(tmp_path: Path) -> None:
    """The version comes first; what happened before time zero is negative, and in time order."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    seen: list[TimedEvent[Event]] = []
    writer.watch(seen.append)
    writer.take("b", Subscribed(), at=90.0)
    writer.take("a", Subscribed(), at=80.0)
    writer.begin_silence(100.0)
    writer.take("c", Subscribed(), at=101.5)
    writer.close()
    first, *entries = read(tmp_path / FILE_NAME, cell())
    by_line = sorted([first, *entries], key=lambda entry: entry.line)
    assert by_line[0].event == RecordBegan(version=VERSION)
    told = [(entry.t, entry.who) for entry in by_line[1:]]
    assert told == [(-20.0, "a"), (-10.0, "b"), (1.5, "c")]
    assert [(happening.at, happening.who) for happening in seen] == [(90.0, "b"), (80.0, "a"), (101.5, "c")]


def test_writer_without_silence(tmp_path: Path) -> None:
    """A client that was never set up leaves what was seen, and a last line that says so."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    writer.take("server", ServerReady(ports={}))
    writer.close()
    writer.close()
    events = [entry.event for entry in read(tmp_path / FILE_NAME, cell())]
    assert events == [RecordBegan(version=VERSION), ServerReady(ports={}), NeverSilent()]


# Reading


BEGAN = codec.to_line(0.0, RUNNER, RecordBegan(version=VERSION))


def line(t: float) -> bytes:
    return codec.to_line(t, CLIENT, Subscribed())


def test_lines_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    """Who writes a line may be slower than who writes the next; numbers are an editor's; a torn line is left out."""
    path = tmp_path / FILE_NAME
    path.write_bytes(BEGAN + line(2.0) + line(1.0) + line(3.0) + line(0.5)[:-9])
    assert [(entry.t, entry.line) for entry in read(path, cell())] == [(0.0, 1), (1.0, 3), (2.0, 2), (3.0, 4)]


def test_no_record(tmp_path: Path) -> None:
    """A cell that was never run has none, and that is no error."""
    assert read(tmp_path / FILE_NAME, cell()) == []


@pytest.mark.parametrize(
    ("data", "number", "what"),
    [
        (BEGAN + line(1.0) + b"what?\n", 3, "not a line of a record"),
        (BEGAN + line(1.0).replace(b"subscribed", b"unknown") + line(2.0), 2, "not a line of a record"),
        (BEGAN + b"\n", 2, "not a line of a record"),
        (codec.to_line(0.0, RUNNER, RecordBegan(version=99)) + line(1.0), 1, "a record of version 99"),
        (b'{"t":0.0,"who":"server","ev":"ready"}\n{"t":1.0}\n', 1, "not a line of a record"),  # of version 1
    ],
)
def test_damaged(tmp_path: Path, data: bytes, number: int, what: str) -> None:
    """The file and the line are named."""
    path = tmp_path / FILE_NAME
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        read(path, cell())
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.what) == (str(path), number, what)


def test_unreadable(tmp_path: Path) -> None:
    """A folder in the place of the file is told, too."""
    with pytest.raises(ScenarioError, match="not a file"):
        read(tmp_path, cell())


# Lines from before events had types


def upgraded(tmp_path: Path, **fields: Any) -> Entry[Any]:
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps({"t": 1.0, **fields}) + "\n")
    subject = replace(cell(), probes=(ProbeToSend(at=Seconds(45), kind_=ProbeKind.INVITE),))
    (entry,) = read(path, subject)
    assert (entry.t, entry.line) == (1.0, 1)
    return entry


ENDS = {"local": "10.0.0.2:57190", "remote": "203.0.113.10:5099"}
NEAR, FAR = Endpoint("10.0.0.2", 57190), Endpoint("203.0.113.10", 5099)


@pytest.mark.parametrize(
    ("fields", "who", "event"),
    [
        ({"who": "server", "ev": "ready", "ports": {"udp": 5060}}, SERVER, ServerReady(ports={"udp": 5060})),
        (
            {"who": "client", "ev": "subscription", "code": 0, "state": "active", "reason": ""},
            CLIENT,
            ClientSubscription(state="active", reason=""),
        ),
        (
            {"who": "server", "ev": "subscription", "id": "s1", "state": "active", "expires": 600, "flow": "f1",
             "contact": "sip:alice@10.0.0.2:52113;transport=TLS;ob"},
            SERVER,
            ServerSubscription(
                id="s1", state="active", expires=600, flow="f1", contact="sip:alice@10.0.0.2:52113;transport=TLS;ob"
            ),
        ),
        (
            {"who": "middlebox", "ev": "mapping", "state": "new", "node": "home-nat", "proto": "tcp",
             "inside": "10.0.0.2:57190", "outside": "203.0.113.1:57190", "remote": "203.0.113.10:5099",
             "id": 2008157270, "tcp_state": "SYN_SENT", "seen": 0.0},
            BOX,
            Mapping(
                state="new", proto="tcp", inside=NEAR, outside=Endpoint("203.0.113.1", 57190), remote=FAR,
                id=2008157270, tcp_state="SYN_SENT", seen=0.0,
            ),
        ),
        (
            {"who": "link", "ev": "packet", "link": "core", "from": "server", "proto": "tcp",
             "src": "203.0.113.10:5099", "dst": "203.0.113.1:57190", "bytes": 60, "payload": 0, "flags": "SA",
             "seq": 248676206},
            BOX,
            Packet(
                link="core", from_="server", proto="tcp", src=FAR, dst=Endpoint("203.0.113.1", 57190), bytes=60,
                payload=0, flags="SA", seq=248676206,
            ),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-inside", "state": "established", **ENDS},
            RUNNER,
            SentinelOpened(flow="from-inside", local=NEAR, remote=FAR),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-inside", "state": "sent", "idle": 296.0,
             "found": "open"},
            RUNNER,
            SentinelChallenged(flow="from-inside", idle=296.0, found="open"),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-outside", "state": "silent", "reason": "", "peer": "",
             "took": 3.0},
            RUNNER,
            SentinelOutcome(flow="from-outside", state="silent", reason="", peer="", took=3.0),
        ),
        (
            {"who": "runner", "ev": "probe", "probe": "p1", "state": "failed", "reason": "server-frozen"},
            RUNNER,
            Probe(
                probe="p1", kind="invite", state="failed", code=None, flow=None, peer=None, reason="server-frozen"
            ),
        ),
        ({"who": "runner", "ev": "fault-over", "n": 0, "fault": "Reboot"}, RUNNER, FaultEnded(n=0, fault="Reboot")),
    ],
)  # fmt: skip
def test_version_1(tmp_path: Path, fields: dict[str, Any], who: str, event: Event) -> None:
    """Who spoke was named by its role; a probe of a frozen server did not say its kind, which the scenario knows."""
    entry = upgraded(tmp_path, **fields)
    assert (entry.who, entry.event) == (who, event)


def test_version_1_of_a_fault(tmp_path: Path) -> None:
    """What proved it stood beside its name."""
    proof = {"node": "home-nat", "lost": 5, "left": 0, "address": []}
    event = upgraded(tmp_path, who="runner", ev="fault", n=0, fault="Reboot", **proof).event
    assert isinstance(event, FaultBegan)
    assert (event.n, event.fault, json.loads(bytes(event.proof))) == (0, "Reboot", proof)


# What follows a running record


def test_flows() -> None:
    """The current flow is the newest subscription's; its way is followed through the middlebox."""
    flows = Flows()
    assert flows.current() is None
    assert flows.granted_until() is None
    for entry in flow_set_up():
        flows.see(entry.t, entry.event)
    flow = flows.current()
    assert flow is not None
    assert (flow.id, flow.proto, flow.own, flow.endpoints, flow.inside) == (
        "f1",
        "tcp",
        REMOTE,
        (OUTSIDE, INSIDE),
        INSIDE,
    )
    assert flows.granted_until() == pytest.approx(599.8)
    assert flows.current(-0.3) is None
    elsewhere = changed(MAPPED, t=5.0, outside=Endpoint("203.0.113.1", 7))
    flows.see(elsewhere.t, elsewhere.event)
    assert flows.translations(INSIDE) == (INSIDE, Endpoint("203.0.113.1", 7))
    assert flows.translations(INSIDE, 4.9) == (INSIDE, OUTSIDE)


def test_flow_of_a_registered_phone() -> None:
    """Where nobody subscribes the current flow is the newest binding's; a subscription's comes first."""
    flows = Flows()
    opened = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription)]
    for entry in opened:
        flows.see(entry.t, entry.event)
    assert flows.current() is None
    contact = "sip:alice@10.0.0.2:40001"
    bound = Binding(id="b1", state="active", expires=300, flow="f1", contact=contact, aor="sip:alice@203.0.113.10")
    flows.see(1.0, bound)
    assert flows.current(0.9) is None
    assert flows.current() == flows.bound() == flows.get("f1")
    assert flows.granted_until() == 301.0
    flows.see(2.0, msgspec.structs.replace(bound, state="expired", expires=0))
    assert flows.granted_until() == 301.0
    flows.see(3.0, ServerSubscription(id="s1", state="active", expires=600, flow="f2", contact=contact))
    assert flows.current() is None  # nothing is known of f2
    assert flows.bound() == flows.get("f1")
    assert flows.granted_until() == 603.0


def test_sequence_numbers() -> None:
    """SYN and FIN count one each, RST says nothing, what is sent again changes nothing; they wrap around."""
    numbers = SequenceNumbers()

    def see(flags: str, seq: int, payload: int = 0) -> int | None:
        entry = packet(1.0, "lan", CLIENT, INSIDE, REMOTE, flags=flags, seq=seq, payload=payload)
        numbers.see(TimedEvent(1.0, CLIENT, entry.event))
        return numbers.next("lan", INSIDE, REMOTE)

    assert numbers.next("lan", INSIDE, REMOTE) is None
    assert see("S", 100) == 101
    assert see("PA", 101, 50) == 151
    assert see("PA", 101, 50) == 151
    assert see("R", 7) == 151
    assert see("PA", 2**32 - 10, 5) == 151  # older
    assert see("FA", 151) == 152
    assert see("S", 2**32 - 1) == 0
    assert numbers.next("core", INSIDE, REMOTE) is None
