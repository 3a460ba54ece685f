"""The page of a cell as data, of cells that ran: what must be on it follows from the scenario, not from output."""

from __future__ import annotations

import json

import pytest

from lab.engine.cell_run import CellRun
from lab.timeline.build import timeline
from lab.timeline.document import as_json
from lab.timeline.shapes import Lane, Message, Timeline
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Seen, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

ARTICLE = ROOT / "scenarios" / "article"
IDLE = Cells(ARTICLE / "idle-subscription.yaml", only=("strategy=none", "strategy=hold-transport"))
FORGED = Cells(ARTICLE / "all.yaml", only=("strategy=none", "strategy=hold-transport", "failure=rst"))
FORGETS = Cells(ARTICLE / "all.yaml", only=("strategy=idle-600s", "failure=nat-silent"))
KAMAILIO = Cells(ARTICLE / "idle-subscription.yaml", server="kamailio")


def page(seen: Seen, name: str) -> Timeline:
    return timeline(CellRun.open(seen.folder(name)).evidence)


def lane(made: Timeline, name: str) -> Lane:
    (found,) = (each for each in made.lanes if each.id == name)
    return found


def sip(made: Timeline) -> list[Message]:
    return [message for message in made.messages if message.kind == "sip"]


@pytest.mark.cells(IDLE)
def test_a_client_that_does_nothing(virtually: Virtually) -> None:
    """It subscribes, is notified, closes the idle connection after 33 s, and is silent from then on."""
    made = page(virtually(IDLE), "none")
    told = [(message.from_, message.first.split()[0], message.first.split()[1]) for message in sip(made)]
    assert [(who, first, second if first == "SIP/2.0" else "") for who, first, second in told] == [
        ("client", "SUBSCRIBE", ""),
        ("server", "SIP/2.0", "200"),
        ("server", "NOTIFY", ""),
        ("client", "SIP/2.0", "200"),
    ]
    assert all(message.lost is False and message.flow == "f1" for message in made.messages)
    farewell = [message for message in made.messages if message.from_ == "client" and message.at_s > 1]
    assert "FIN" in [message.first for message in farewell]
    assert all(33.0 <= message.at_s < 33.5 for message in farewell)
    (connected,) = (span for span in lane(made, "client").spans if span.row == "flow f1")
    assert connected.to_s is not None
    assert 33.0 <= connected.to_s < 33.5
    assert [mark.kind for mark in lane(made, "probes").marks] == ["lost", "lost"]


@pytest.mark.cells(FORGETS)
def test_a_message_that_the_middlebox_loses(virtually: Virtually) -> None:
    """Its mapping ends, the server's NOTIFY and its retransmissions are lost, and the client believes in its flow."""
    made = page(virtually(FORGETS), "idle-600s,nat-silent")
    probe = next(mark for mark in lane(made, "probes").marks if mark.kind == "lost")
    lost = [message for message in sip(made) if message.lost]
    assert lost[0].first.startswith("NOTIFY ")
    assert abs(lost[0].at_s - probe.at_s) < 0.1
    again = [message for message in made.messages if message.repeats == made.messages.index(lost[0])]
    assert len(again) >= 3  # TCP sends again after 0.2, 0.4, 0.8 s and so on
    assert all(message.lost and message.first.startswith("TCP retransmission") for message in again)
    gone = next(mark.at_s for mark in lane(made, "home-nat").marks if mark.kind == "ended")
    (connected,) = (span for span in lane(made, "client").spans if span.row == "flow f1" and span.kind == "connected")
    assert gone < probe.at_s
    assert connected.to_s is None or connected.to_s > probe.at_s


@pytest.mark.cells(FORGED)
def test_a_forged_segment(virtually: Virtually) -> None:
    """It comes from the node that made it, at the time of the fault, and ends the client's connection."""
    made = page(virtually(FORGED), "hold-transport,rst")
    (fault,) = lane(made, "faults").spans
    forged = [
        message for message in made.messages if message.first == "RST" and message.from_ not in ("client", "server")
    ]
    assert forged
    assert all(abs(message.at_s - fault.from_s) < 0.1 for message in forged)


@pytest.mark.cells(KAMAILIO)
def test_kamailio_tells_of_its_messages(virtually: Virtually) -> None:
    """As the scripted server does: each that both ends tell has arrived."""
    seen = virtually(KAMAILIO)
    first, *_ = messages = sip(page(seen, "none"))
    assert (first.first.split()[0], first.lost, first.flow) == ("SUBSCRIBE", False, "f1")
    assert {(message.from_, message.lost) for message in messages} == {("client", False), ("server", False)}


@pytest.mark.cells(IDLE)
def test_the_document_is_small(virtually: Virtually) -> None:
    """350 cells on a page of 10 MB have less than 30 kB each; without messages this takes a third of that."""
    made = as_json(page(virtually(IDLE), "hold-transport"))
    assert len(json.dumps({**made, "messages": []})) < 10_000
    assert len(json.dumps(made)) < 30_000
