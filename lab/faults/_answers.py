"""Helps faults that change how the server answers: start, proof, and effect on a probe."""

from __future__ import annotations

from typing import Any

import msgspec

from lab.faults._requests import harm_of_silence
from lab.faults.base import ActiveFault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.record.entry import Entry
from lab.record.events import Held, Ignored, Obeyed

ANSWERS = "how the server answers"
"""What these faults set in the server."""


class ResponseMode(msgspec.Struct, frozen=True, kw_only=True):
    """The way in which the server says it answers from now on.

    Attributes:
        answers: ``at-once``, ``late`` or ``mute``.
        by: of ``late``: seconds.
    """

    answers: str
    by: float | None = None


async def begin_answering(cell: RunningCell, mode: str, *, by: float | None = None) -> ActiveFault:
    """Tell the server how to answer until the fault is over."""
    said = await cell.ask_server("answer", mode=mode, by=by)

    def end() -> None:
        cell.tell_server("answer", mode="at-once", by=None)

    return ActiveFault(proof=ResponseMode(answers=said.mode, by=said.by), end=end)


def not_obeyed(seen: Occurrence[ResponseMode], mode: str) -> str:
    """Say that the server does not answer like this; empty if it does."""
    return "" if seen.proof.answers == mode else "the server did not obey"


def obeyed_at(seen: Occurrence[Any]) -> float:
    """Return when the server had changed its way of answering."""
    obeyed = seen.evidence.of(Obeyed, do="answer")
    return min((entry.t for entry in obeyed if entry.t >= seen.at), default=seen.at)


def harm_of_answers(seen: Occurrence[Any], lost: LostProbe) -> FaultImpact | None:
    """Return what a server that does not answer, or late, cost: requests given up, or a subscription."""
    read: list[Entry[Ignored | Held]] = [*seen.evidence.of(Ignored), *seen.evidence.of(Held)]
    asked = [entry for entry in read if seen.at <= entry.t <= seen.over]
    if not asked:
        return None
    methods = {entry.event.what for entry in asked}
    return harm_of_silence(seen, lost, since=min(entry.t for entry in asked), methods=methods)
