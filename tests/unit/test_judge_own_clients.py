"""The judge on clients that say little, such as the authors' own: it takes from the network what they do not say."""

from __future__ import annotations

import dataclasses

import pytest

from lab.mitigations.options_ping import OptionsPing
from lab.mitigations.server_crlf import ServerCrlf
from lab.model.endpoint import Endpoint
from lab.model.scenario import Client, Strategy
from lab.model.verdict import Verdict
from lab.record.events import Aborted, ClientReady, ClientTransport
from lab.units import Seconds
from tests.records import (
    BOX,
    CLIENT,
    END,
    INSIDE,
    REMOTE,
    Line,
    cell,
    changed,
    flow_set_up,
    forgot,
    judged,
    packet,
    probe,
    say,
    sentinel,
)


def without_words() -> list[Line]:
    """The set-up of a client that says nothing of its transports."""
    return [entry for entry in flow_set_up() if not isinstance(entry.event, ClientTransport)]


def segment(t: float, flags: str, *, outgoing: bool = True, link: str = "lan") -> Line:
    sender, ends = (CLIENT, (INSIDE, REMOTE)) if outgoing else (BOX, (REMOTE, INSIDE))
    return packet(t, link, sender, *ends, size=40, payload=0, flags=flags)


@pytest.mark.parametrize("flags", ["FA", "R", "RA"])
def test_close_that_only_the_network_shows(flags: str) -> None:
    """A client that does not say that it closed its connection is seen doing it; the mapping that ends later is not
    taken for the cause."""
    lines = [segment(20, "PA"), segment(33, flags), forgot(43), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-closed-transport", 33.0)
    assert "does not say why" in outcome.cause.text


def test_close_by_the_other_side_is_not_the_clients() -> None:
    """A client that answers FIN with FIN has not closed the connection."""
    lines = [segment(33, "FA", outgoing=False), segment(33.1, "FA"), *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "unknown"


def test_close_by_death_is_death() -> None:
    """The kernel closes the connections of a process that ends, a moment before the runner hears of the end."""
    died = say(33.05, CLIENT, Aborted(how="exit status 3", last="it wrote no log"))
    lines = [segment(33, "FA"), died, *probe(1, 100, answered=False)]
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *lines, END)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-aborted"


def test_lost_probe_without_any_evidence_has_no_cause() -> None:
    """Nothing is made up where neither the client nor the network shows anything."""
    outcome = judged(cell(), *without_words(), *sentinel("delivered"), *probe(1, 100, answered=False), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("unknown", None)


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ([ClientReady(mitigations=("options-ping", "other"))], Verdict.PASS),
        ([ClientReady(mitigations=("other",))], Verdict.UNSUPPORTED),
        ([ClientReady()], Verdict.UNSUPPORTED),
        ([], Verdict.UNSUPPORTED),
    ],
)
@pytest.mark.parametrize("own", [True, False])
def test_mitigations_of_a_client_of_the_authors(said: list[ClientReady], verdict: Verdict, own: bool) -> None:
    """It does what it has offered when it got ready; the lab's own client does what the lab knows that it does."""
    strategy = Strategy(name="ping", mitigations=(OptionsPing(interval=Seconds(25)), ServerCrlf(interval=Seconds(25))))
    client = Client(command=("./mine",) if own else ())
    subject = dataclasses.replace(cell(), strategy=strategy, client=client)
    ready = [say(-1.0, CLIENT, event) for event in said]
    outcome = judged(subject, *flow_set_up(), *ready, *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.verdict is (verdict if own else Verdict.PASS)
    if outcome.verdict is Verdict.UNSUPPORTED:
        assert outcome.doubt == "the scenario's client does not offer options-ping"


def test_connections_of_a_client_that_does_not_speak_of_them() -> None:
    """They are counted where the network shows them: each once, and only those made while silent."""
    again = changed(segment(40, "AS", outgoing=False), dst=Endpoint("10.0.0.2", 40002))
    lines = [segment(-0.4, "AS", outgoing=False), again, changed(again, t=41.0), segment(40, "S"), segment(40, "A")]
    subject = dataclasses.replace(cell(), client=Client(command=("./mine",)))
    outcome = judged(subject, *without_words(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert outcome.metrics.connects == 1
    told = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=True), END)
    assert told.metrics.connects == 0
