"""The judge on calls: they are set up, held and ended."""

from __future__ import annotations

import pytest

from lab.model.endpoint import Endpoint
from lab.model.verdict import Verdict
from lab.record.events import ProbeState
from tests.records import (
    BEGUN,
    CONFIRMED,
    CONNECTED,
    END,
    call,
    cell,
    changed,
    exchanged,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    sentinel,
    server_flow,
)


def test_call_passes_when_its_end_is_answered() -> None:
    """INVITE, ACK and BYE have all arrived; the traffic of both ends of the call is the lab's."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), CONFIRMED, *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS
    assert (outcome.metrics.packets_up, outcome.metrics.observed_s) == (0, 107.0)


def test_call_whose_ack_got_lost_fails() -> None:
    """The client never saw the call begin."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), changed(CONFIRMED, state="connecting")]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.FAIL


@pytest.mark.parametrize(("confirmed", "verdict"), [("call-1", Verdict.PASS), ("call-2", Verdict.FAIL)])
def test_only_its_own_ack_confirms_a_call(confirmed: str, verdict: Verdict) -> None:
    """Two calls overlap; the ACK that came is that of the Call-ID that the client names."""
    fate = call(*BEGUN, ("ending", 80.0), ("answered", 80.1))
    lines = [*(changed(line, call_id="call-1") for line in fate), changed(CONFIRMED, call_id=confirmed)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, *exchanged(80.05), END)
    assert outcome.verdict is verdict


def test_call_of_a_client_that_does_not_speak_of_calls() -> None:
    """Its answers to INVITE and BYE are all there is to judge by."""
    lines = [*call(*BEGUN, ("ending", 80.0), ("answered", 80.1)), *exchanged(80.05)]
    outcome = judged(cell(probes=(20.0,)), *flow_set_up(), *sentinel("delivered"), *lines, END)
    assert outcome.verdict is Verdict.PASS


@pytest.mark.parametrize("ending", [[], [("ending", 80.0)]])
def test_call_that_cannot_be_ended(ending: list[tuple[ProbeState, float]]) -> None:
    """What broke the flow while the call was held is the cause, though the flow was good when it began."""
    lines = [*call(*BEGUN, *ending, ("failed", 80.2)), CONFIRMED, forgot(60)]
    outcome = judged(cell(timeout=60), *flow_set_up(), *sentinel("silent"), *lines, END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert outcome.metrics.outages[0].from_s == 60.0


def test_cause_is_sought_on_the_flow_of_the_call() -> None:
    """A call whose refresh took another connection is not lost because of the first one."""
    moved = Endpoint("203.0.113.1", 40002)
    lines = [
        server_flow(50.0, "accepted", id="f2", peer=moved),
        changed(CONNECTED, t=50.0, id="tp2", local=moved),
        changed(idle_timer(75.0), id="tp2", local=moved),
    ]
    fate = [*call(*BEGUN), *call(("failed", 80.0), flow="f2"), CONFIRMED]
    outcome = judged(cell(), *flow_set_up(), *sentinel("delivered"), *fate, *lines, idle_timer(33.0), END)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 75.0)
