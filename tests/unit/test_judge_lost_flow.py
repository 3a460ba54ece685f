"""The judge says what ended the flow of a lost probe: the client, or a middlebox that forgot."""

from __future__ import annotations

from dataclasses import replace

from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record.events import Aborted
from lab.units import Seconds
from tests.records import (
    CLIENT,
    END,
    MAPPED,
    SENTINEL,
    cell,
    changed,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    probe,
    say,
    sentinel,
)


def test_idle_timer_is_the_cause() -> None:
    """The client closed the flow at 33 s; the mapping that ended afterwards is a consequence."""
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), idle_timer(), forgot(43), END]
    outcome = judged(cell(), *lines)
    assert outcome.verdict is Verdict.FAIL
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 33.0)
    assert outcome.cause.text == "client idle timer closed the transport at 33.0 s"


def test_aborted_client_is_the_cause() -> None:
    """A client that dies in silence fails, with its last words."""
    died = say(50.0, CLIENT, Aborted(how="SIGABRT", last="double dec_ref"))
    lines = [*flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), died, END]
    outcome = judged(cell(), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-aborted"
    assert "double dec_ref" in outcome.cause.text


def test_forgotten_mapping_is_the_cause() -> None:
    """The middlebox forgot at 60 s, and the sentence says what the sentinel met afterwards."""
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert "60.0 s" in outcome.cause.text
    assert "either side silently" in outcome.cause.text


def forgetful(forgotten: ForgottenFlow) -> Cell:
    box = Middlebox(name="box", established_idle_timeout=Seconds(60), forgotten=forgotten)
    return replace(cell(timeout=60), middleboxes=(("home-nat", box),))


def test_mapping_made_anew_on_another_port_is_the_cause() -> None:
    """The server's packets go to the old port: the flow is lost, though the client's next segment gets through."""
    again = changed(MAPPED, t=70.0, id=2, outside=Endpoint("203.0.113.1", 40002))
    reset = changed(idle_timer(70.1), state="disconnected", reason="Connection reset by peer")
    mapped = changed(
        MAPPED, inside=Endpoint("10.0.0.2", 50001), outside=Endpoint("203.0.113.1", 50001), remote=SENTINEL
    )
    moved = changed(mapped, t=62.0, outside=Endpoint("203.0.113.1", 50002))
    met = sentinel("reset", "silent")
    lines = [*flow_set_up(), mapped, moved, *met, *probe(1, 100, answered=False), forgot(), again, reset, END]
    outcome = judged(forgetful(ForgottenFlow.REPICKUP_NEW_PORT), *lines)
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("middlebox-forgot-flow", 60.0)
    assert "picks it up only from inside, on another port" in outcome.cause.text


def test_a_flow_ended_towards_both_is_told_from_one_that_is_answered() -> None:
    """Both ends meet RST either way; here they had it before they sent anything."""
    texts = []
    both, sender = sentinel("reset", found="reset"), sentinel("reset", found="open")
    for forgotten, met in ((ForgottenFlow.RST_TO_BOTH, both), (ForgottenFlow.RST_TO_SENDER, sender)):
        lines = [*flow_set_up(), *met, *probe(1, 100, answered=False), forgot(), END]
        outcome = judged(forgetful(forgotten), *lines)
        assert outcome.cause is not None
        texts.append(outcome.cause.text.partition(" s ")[2])
    assert texts == ["and ended it towards both with RST", "and answers either side with RST"]


def test_mapping_made_anew_is_not_the_cause() -> None:
    """A mapping that was re-created before the probe was not in the way; nothing else is known."""
    again = changed(MAPPED, t=70.0, id=2)
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), forgot(), again, END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "unknown"


def test_other_flow_is_not_the_cause() -> None:
    """A transport that never carried the subscription may end as it likes."""
    other = changed(idle_timer(20), id="tp2")
    lines = [*flow_set_up(), *sentinel("silent"), *probe(1, 100, answered=False), other, forgot(), END]
    outcome = judged(cell(timeout=60), *lines)
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "middlebox-forgot-flow"
