"""The judge on records written by hand: verdict, doubt, cost and claim. Each test tells one story."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.link_down import LinkDown
from lab.model.scenario import Claim
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.record.events import Aborted, ClientSubscription, NeverSilent, ProtocolError, SentinelState
from lab.record.writer import RUNNER
from lab.units import Seconds
from tests.records import (
    BOX,
    CLIENT,
    END,
    Line,
    begins,
    cell,
    changed,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    of_flow,
    on_lan,
    probe,
    say,
    sentinel,
)


def test_answered_probe_passes() -> None:
    """All probes answered and a sentinel that agrees with the scenario: pass, no cause."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert (outcome.verdict, outcome.cause, outcome.doubt) == (Verdict.PASS, None, "")


def test_refused_probe_fails() -> None:
    """A NOTIFY answered 481 has reached a client that does not know the subscription any more: nothing was delivered,
    and a fault before it was not mended by it."""
    fault = LinkDown(at=When(offset=30.0), link="core", lasts=Seconds(2))
    down = begins(fault, LinkDown.Proof(link="core", rules=2, lasts=2.0), t=30.0, until=32.0)
    *asked, answered = probe(1, 76, answered=True)
    refused = [*asked, changed(answered, code=481)]
    subject = replace(cell(probes=(76.0, 100.0)), faults=(fault,))
    lost = of_flow(31.0, "core", "client")
    failed = say(63.0, CLIENT, ClientSubscription(state="terminated", code=408, reason=""))
    lines = [*flow_set_up(), *sentinel("delivered"), *down, lost, failed, *refused, *probe(2, 100, answered=False), END]
    outcome = judged(subject, *lines)
    assert (outcome.verdict, outcome.metrics.delivered) == (Verdict.FAIL, 0)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.chain[-1].text) == (
        "link-down",
        "NOTIFY p1 at 76.0 s was refused: 481",
    )


@pytest.mark.parametrize("seen", ["delivered", "reset", "failed"])
def test_sentinel_that_disagrees_makes_inconclusive(seen: SentinelState) -> None:
    """A middlebox that should forget silently but does not proves nothing, whatever the probes say."""
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel(seen), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "sentinel" in outcome.doubt


def test_missing_sentinel_makes_inconclusive() -> None:
    """No challenge, no pass."""
    outcome = judged(cell(), *flow_set_up(), *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_cut_short_is_inconclusive() -> None:
    """A run without its end was killed; its answered probe proves nothing about the rest."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True))
    assert (outcome.verdict, outcome.doubt) == (Verdict.INCONCLUSIVE, "the run was cut short")


def test_missing_probe_is_inconclusive() -> None:
    """Two probes were due, one happened."""
    subject = cell(probes=(45.0, 100.0))
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *probe(1, 45, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE


def test_never_silent_is_inconclusive() -> None:
    """A client that never subscribes has not been tested; its death is told."""
    lines: list[Line] = [
        say(1.0, CLIENT, Aborted(how="SIGABRT", last="assertion failed")),
        say(1.0, RUNNER, NeverSilent()),
    ]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "SIGABRT" in outcome.doubt


def test_broken_protocol() -> None:
    """A client that breaks the protocol may have kept back what mattered: nothing is concluded."""
    broken = say(5.0, RUNNER, ProtocolError(actor="client", why="not JSON", wrote="Hello"))
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), broken, *probe(1, 100, answered=True), END)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.doubt == "the scenario's client broke the actor protocol: not JSON: `Hello`"


def test_share_of_probes_decides() -> None:
    """Half of the probes delivered is a fail when all are expected, and the outage lasts from cause to answer."""
    subject = cell(probes=(45.0, 100.0))
    lines = [*probe(1, 45, answered=False), *probe(2, 100, answered=True), idle_timer()]
    outcome = judged(subject, *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.metrics.delivered == 1
    (outage,) = outcome.metrics.outages
    assert (outage.from_s, outage.to_s) == (33.0, 100)


def test_cost_leaves_out_sentinel_probes_and_set_up() -> None:
    """Only the strategy's own traffic counts, and rates refer to the time without probes."""
    traffic = [
        on_lan(-0.3, CLIENT, 1000),  # set-up
        on_lan(0.04, BOX, 52),  # its last ACK
        on_lan(10, CLIENT, 500),
        on_lan(10.1, BOX, 400),
        on_lan(62, CLIENT, 77, port=5555),  # sentinel
        on_lan(100.2, BOX, 900),  # the probe
        on_lan(111, CLIENT, 40),  # after the end
    ]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), *traffic, END)
    seen = outcome.metrics
    assert (seen.packets_up, seen.packets_down, seen.bytes_up, seen.bytes_down) == (1, 1, 500, 400)
    assert seen.observed_s == 108.0
    assert seen.bytes_per_hour == round(900 * 3600 / 108, 1)


CLAIM = Claim(verdict=Verdict.FAIL, cause="client-idle-timer", at=Seconds(33), within=Seconds(0.5))


@pytest.mark.parametrize(
    ("cause", "holds", "differs"),
    [
        (idle_timer(33.4), True, ""),
        (idle_timer(33.6), False, "at 33.60 s"),
        (forgot(33.0), False, "middlebox-forgot-flow"),
    ],
)
def test_claim_is_checked_to_the_moment(cause: Line, holds: bool, differs: str) -> None:
    """A claim holds only if verdict, cause and time all agree."""
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), cause, END]
    outcome = judged(cell(claim=CLAIM), *lines)
    assert outcome.claim_holds is holds
    assert differs in outcome.claim_text


def test_unclaimed_cell_neither_holds_nor_breaks() -> None:
    """Nothing claimed, nothing to hold."""
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    assert outcome.claim_holds is None
