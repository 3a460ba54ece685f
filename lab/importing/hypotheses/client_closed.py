"""Explains by the client, which closed its connection: its idle timer, or another reason of its own."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.breaks import Kind
from lab.importing.case import Case
from lab.importing.endings import By
from lab.importing.hypothesis import Hypothesis
from lab.importing.strategy import IDLE_SPREAD_S, PJSIP_IDLE_S


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanation if the client ended a connection that worked."""
    main = case.main
    if (
        main is None
        or main.kind is not Kind.ENDED
        or main.ending is None
        or main.ending.by is not By.CLIENT
        or not case.fails
    ):
        return
    over = main.ending
    idle = abs(over.since_sip_s - PJSIP_IDLE_S) <= IDLE_SPREAD_S
    text = (
        f"The client closed the connection itself ({over.how}), {over.since_sip_s:.1f} s after the last SIP"
        f" message on it."
    )
    if idle:
        text += " That is pjsip's idle timer: 33 s after the last transaction a transport that nobody references ends."
        yield Hypothesis(
            name="client-idle-timer", cause="client-idle-timer", score=0.95, text=text, at=over.t, within=2.0
        )
    else:
        held = over.since_sip_s > PJSIP_IDLE_S + IDLE_SPREAD_S
        if held and not case.story.registers:
            text += " An idle timer of that length explains it."
        yield Hypothesis(
            name="client-closed",
            cause="client-idle-timer" if held else "client-closed-transport",
            score=0.6,
            text=text,
            at=over.t,
            within=2.0,
            decide="the client's log: why it closed the connection",
        )
