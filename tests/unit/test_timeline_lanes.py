"""The lanes of a cell's page: what records of known events must show, and what any record does."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some

from lab.faults.link_down import LinkDown
from lab.model.outcome import ProbeTrial
from lab.model.when import When
from lab.record.events import (
    Aborted,
    Binding,
    ClientCall,
    ClientNetwork,
    ClientProcess,
    ClientSubscription,
    FaultMoot,
    MessageText,
    Obeyed,
    Registration,
    ServerSipMessage,
    SipMessage,
    TransportReference,
)
from lab.timeline.build import timeline
from lab.timeline.document import as_json
from lab.timeline.shapes import Lane, Span, Timeline
from lab.units import Seconds
from tests.records import (
    BOX,
    CLIENT,
    CONNECTED,
    END,
    MAPPED,
    SERVER,
    SUBSCRIPTION,
    Line,
    attempt,
    begins,
    cell,
    changed,
    evidence,
    flow_set_up,
    forgot,
    idle_timer,
    of_flow,
    on_lan,
    probe,
    say,
    sentinel,
    server_flow,
    transport_over,
    with_fault,
)

FAULT = LinkDown(at=When(offset=50.0), link="lan", lasts=Seconds(2))
PROOF = LinkDown.Proof(link="lan", rules=2, lasts=2.0)


def lanes(*entries: Line) -> dict[str, Lane]:
    return {lane.id: lane for lane in timeline(evidence(cell(), *entries)).lanes}


def told(lane: Lane, row: str) -> list[tuple[float, float | None, str]]:
    """The spans of a row: from, to, kind."""
    return [(span.from_s, span.to_s, span.kind) for span in lane.spans if span.row == row]


def marks(lane: Lane) -> list[tuple[float, str]]:
    return [(mark.at_s, mark.kind) for mark in lane.marks]


def test_the_lanes_follow_the_way() -> None:
    """Client, link, middlebox, link, server, then faults and probes, also where nothing happened."""
    kinds = [(lane.id, lane.kind) for lane in timeline(evidence(cell())).lanes]
    assert kinds == [
        ("client", "client"),
        ("link lan", "link"),
        ("home-nat", "middlebox"),
        ("link core", "link"),
        ("server", "server"),
        ("faults", "faults"),
        ("probes", "probes"),
    ]


def test_a_connection_has_the_name_of_the_servers_flow() -> None:
    """From its beginning to its end, with the reason; a connection that never reached the server has its own name."""
    lost = changed(CONNECTED, t=40.0, id="tp2", local=CONNECTED.event.local.__class__("10.0.0.2", 40009))
    client = lanes(*flow_set_up(), idle_timer(33.0), lost, END)["client"]
    assert told(client, "flow f1") == [(-0.4, 33.0, "connected")]
    assert told(client, "transport tp2") == [(40.0, None, "connected")]
    (span,) = [each for each in client.spans if each.row == "flow f1"]
    assert span.text.endswith("destroyed: idle-timer")
    assert (33.0, "ended") in marks(client)


def test_a_transport_that_is_shut_down_lingers() -> None:
    client = lanes(
        *flow_set_up(),
        transport_over(20.0, "", state="shutdown"),
        transport_over(53.0, "idle-timer", state="destroyed"),
    )["client"]
    assert told(client, "flow f1") == [(-0.4, 20.0, "connected"), (20.0, 53.0, "shutdown")]


def test_the_account_as_the_client_sees_it() -> None:
    client = lanes(
        say(-0.1, CLIENT, ClientSubscription(state="pending")),
        say(0.0, CLIENT, ClientSubscription(state="active")),
        say(9.0, CLIENT, ClientSubscription(state="terminated", code=481, reason="gone")),
        say(-0.3, CLIENT, Registration(code=401)),
        say(-0.2, CLIENT, Registration(code=200, expires=60.0)),
        say(30.0, CLIENT, Registration(code=200, expires=60.0)),
        say(60.0, CLIENT, Registration(code=408, reason="Request Timeout")),
        say(5.0, CLIENT, TransportReference(id="tp1", held=True)),
        say(6.0, CLIENT, ClientCall(state="early", call_id="c")),
        say(7.0, CLIENT, ClientCall(state="confirmed", call_id="c")),
        say(8.0, CLIENT, ClientCall(state="disconnected", call_id="c", code=200)),
        say(65.0, CLIENT, ClientProcess(state="suspended")),
        say(66.0, CLIENT, ClientProcess(state="resumed")),
        say(67.0, CLIENT, ClientNetwork(state="blocked")),
        say(68.0, CLIENT, ClientNetwork(state="open")),
        say(70.0, CLIENT, Aborted(how="SIGSEGV", last="")),
    )["client"]
    assert told(client, "subscription") == [(-0.1, 0.0, "pending"), (0.0, 9.0, "active")]
    assert told(client, "registration") == [(-0.2, 60.0, "active")]
    assert told(client, "reference tp1") == [(5.0, None, "held")]
    assert told(client, "process") == [(65.0, 66.0, "suspended")]
    assert told(client, "network") == [(67.0, 68.0, "blocked")]
    assert told(client, "call 1") == [(6.0, 7.0, "early"), (7.0, 8.0, "confirmed")]
    assert [kind for _, kind in marks(client)] == ["challenged", "ended", "refreshed", "failed", "aborted"]


def test_packets_are_bursts() -> None:
    """Those of one exchange are one mark; the lab's own are told apart; the worst that a burst has names it."""
    lan = lanes(
        on_lan(10.0, CLIENT, 100),
        on_lan(10.049, BOX, 60),
        on_lan(10.1, CLIENT, 40),
        of_flow(30.0, "lan", "server", flags="R"),
        on_lan(30.0, CLIENT, 52, port=50001),
    )["link lan"]
    assert marks(lan) == [(10.0, "packets"), (10.1, "packets"), (30.0, "reset"), (30.0, "sentinel")]
    assert lan.marks[0].text == "TCP: 1 packet from client (100 bytes), 1 packet from home-nat (60 bytes)"
    assert lan.marks[0].evidence == (1, 2)
    assert lan.marks[2].text.endswith(", RST")


def test_a_mapping_is_born_refreshed_and_ends() -> None:
    """A span; marks for its birth, for the packet before the longest silence, the last one, and the end."""
    box = lanes(
        MAPPED,
        of_flow(0.0, "core", "client"),
        of_flow(40.0, "lan", "server"),
        of_flow(45.0, "core", "client"),
        of_flow(50.0, "lan", "client"),  # did not leave the middlebox
        forgot(60.0),
        *sentinel("delivered"),
    )[BOX]
    row = "tcp 10.0.0.2:40001 to 203.0.113.10:5061"
    assert told(box, row) == [(-0.5, 60.0, "mapping")]
    assert marks(box) == [(-0.5, "created"), (0.0, "refreshed"), (45.0, "refreshed"), (60.0, "ended")]
    assert box.marks[1].text.endswith("refreshed, then not for 40.000 s")
    assert box.marks[2].text.endswith("refreshed for the last time, 15.000 s before it ended")


def test_the_server() -> None:
    server = lanes(
        server_flow(-0.4, "accepted"),
        server_flow(-0.3, "secured"),
        SUBSCRIPTION,
        changed(SUBSCRIPTION, t=30.0, state="refreshed"),
        say(31.0, SERVER, Obeyed(do="answer", mode="mute")),
        say(32.0, SERVER, Obeyed(do="answer", mode="at-once")),
        server_flow(40.0, "closed", "fin"),
        say(41.0, SERVER, Obeyed(do="go-down", forgot=True)),
        say(45.0, SERVER, Obeyed(do="come-up")),
        changed(SUBSCRIPTION, t=600.0, state="expired", expires=0),
    )["server"]
    assert told(server, "flow f1") == [(-0.4, -0.3, "handshake"), (-0.3, 40.0, "open")]
    assert told(server, "subscription s1") == [(-0.2, 600.0, "active")]
    assert told(server, "answers") == [(31.0, 32.0, "mute")]
    assert told(server, "process") == [(41.0, 45.0, "down")]
    assert marks(server) == [(30.0, "refreshed"), (40.0, "closed"), (600.0, "ended")]


def test_faults_and_probes() -> None:
    """A fault is a band; probes are marks, those of twins of another kind and without lines of this record."""
    subject = with_fault(FAULT)
    record = evidence(
        subject,
        *begins(FAULT, PROOF, t=50.0, until=52.0),
        say(60.0, "runner", FaultMoot(n=1, fault="reboot", why="its moment did not come")),
        *probe(1, 10.0, answered=True),
        *probe(2, 51.0, answered=False),
        END,
    )
    tried = [
        ProbeTrial(at_s=70.0, why="weak", reached=reached, gap_s=None, folder="twins/x") for reached in (False, None)
    ]
    *_, faults, probes = timeline(record, tried).lanes
    assert told(faults, "fault 1") == [(50.0, 52.0, "LinkDown")]
    assert marks(faults) == [(60.0, "moot")]
    assert marks(probes) == [(10.0, "answered"), (51.0, "lost"), (70.0, "tried-lost"), (70.0, "tried-unknown")]
    assert probes.marks[2].evidence == ()
    assert timeline(record, [ProbeTrial(at_s=900.0, why="", reached=True, gap_s=None, folder="")]).ends_s == 900.0


# Any record


STATES = some.sampled_from(["connected", "disconnected", "shutdown", "destroyed"])
SERVER_STATES = some.sampled_from(["accepted", "connected", "secured", "closed", "reset", "failed"])
TEXT = MessageText("OPTIONS sip:a SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n")
T = some.floats(-2, 200).map(lambda t: round(t, 1))
ENTRY = some.one_of(
    some.builds(lambda t, i, state: changed(CONNECTED, t=t, id=i, state=state), T, some.sampled_from("ab"), STATES),
    some.builds(lambda t, i, state: server_flow(t, state, id=i), T, some.sampled_from(["f1", "f2"]), SERVER_STATES),
    some.builds(
        lambda t, state, remap: changed(
            MAPPED, t=t, state=state, **({"outside": MAPPED.event.remote} if remap else {})
        ),
        T,
        some.sampled_from(["new", "destroyed"]),
        some.booleans(),
    ),
    some.builds(
        lambda t, state: say(t, CLIENT, ClientSubscription(state=state)),
        T,
        some.sampled_from(["pending", "active", "terminated"]),
    ),
    some.builds(
        lambda t, i, state: changed(SUBSCRIPTION, t=t, id=i, state=state),
        T,
        some.sampled_from(["s1", "s2"]),
        some.sampled_from(["active", "refreshed", "removed", "expired"]),
    ),
    some.builds(
        lambda t, state: say(
            t, SERVER, Binding(id="b1", state=state, expires=1, flow="f1", contact="\x1b", aor="\u202e")
        ),
        T,
        some.sampled_from(["active", "refreshed", "removed"]),
    ),
    some.builds(
        lambda t, link, end, f: of_flow(t, link, end, flags=f),
        T,
        some.sampled_from(["lan", "core"]),
        some.sampled_from(["client", "server"]),
        some.sampled_from(["S", "SA", "A", "PA", "FA", "R"]),
    ),
    some.builds(
        lambda t, way: say(t, CLIENT, SipMessage(way=way, text=TEXT)), T, some.sampled_from(["sent", "received"])
    ),
    some.builds(
        lambda t, way: say(t, SERVER, ServerSipMessage(way=way, flow="f1", text=TEXT)),
        T,
        some.sampled_from(["sent", "received"]),
    ),
    some.builds(attempt, T, some.sampled_from(["sent", "answered", "failed"])),
    some.builds(lambda t, n: begins(FAULT, PROOF, t=t, number=n)[0], T, some.integers(0, 1)),
    some.builds(lambda t, n: begins(FAULT, PROOF, t=t, number=n)[1], T, some.integers(0, 1)),
)


def overlap(spans: Sequence[Span]) -> bool:
    """Whether two spans of one row do, or one ends before it begins."""
    rows: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        rows[span.row].append(span)
    for row in rows.values():
        until = float("-inf")
        for span in row:
            to = float("inf") if span.to_s is None else span.to_s
            if span.from_s < until or to < span.from_s:
                return True
            until = to
    return False


def well_made(made: Timeline, lines: set[int]) -> None:
    assert len({lane.id for lane in made.lanes}) == len(made.lanes)
    for lane in made.lanes:
        assert not overlap(lane.spans), lane
        assert list(lane.marks) == sorted(lane.marks, key=lambda mark: mark.at_s)
        for evidence_lines, text in [(one.evidence, one.text) for one in lane.spans] + [
            (one.evidence, one.text) for one in lane.marks
        ]:
            assert {*evidence_lines} <= lines
            assert text.isprintable()
    times = [message.at_s for message in made.messages]
    assert times == sorted(times)
    for index, message in enumerate(made.messages):
        assert message.repeats is None or (message.repeats < index and made.messages[message.repeats].repeats is None)
        assert not (message.lost and message.arrived_s is not None)
        assert message.arrived_s is None or message.arrived_s >= message.at_s
        assert {*message.evidence} <= lines
        assert message.evidence


@given(some.lists(ENTRY, max_size=30))
@settings(max_examples=150, deadline=None)
def test_any_record(entries: list[Line]) -> None:
    """No two spans of a row overlap, evidence exists, messages are in order, and all of it is JSON."""
    record = evidence(with_fault(FAULT), *entries)
    made = timeline(record)
    well_made(made, {entry.line for entry in record.entries})
    document: dict[str, Any] = json.loads(json.dumps(as_json(made), allow_nan=False))
    assert [lane["id"] for lane in document["lanes"]] == [lane.id for lane in made.lanes]
    assert len(document["messages"]) == len(made.messages)
