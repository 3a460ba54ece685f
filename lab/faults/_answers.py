"""Share between faults that change how the server answers: how it is told, what proves it, what it costs."""

from __future__ import annotations

from typing import Any

import msgspec

from lab.faults._requests import expired, given_up, until_given_up
from lab.faults.base import Harm, InForce, RunningCell, Struck
from lab.record.entry import Entry
from lab.record.events import Held, Ignored, Obeyed
from lab.record.evidence import Evidence


class Answering(msgspec.Struct, frozen=True, kw_only=True):
    """How the server says that it answers from now on.

    Attributes:
        answers: ``at-once``, ``late`` or ``mute``.
        by: of ``late``: seconds.
    """

    answers: str
    by: float


async def begin_answering(cell: RunningCell, mode: str, *, by: float | None, lasts: float | None) -> InForce:
    """Tell the server how to answer, until the fault is over."""
    said = await cell.ask_server("answer", mode=mode, by=by)

    def at_once() -> None:
        cell.tell_server("answer", mode="at-once", by=None)

    return InForce(proof=Answering(answers=said.mode, by=said.by or 0.0), lasts=lasts, end=at_once)


def answering_since(evidence: Evidence, began: float) -> float:
    """Return when the server had changed its way of answering."""
    return min((said.t for said in evidence.of(Obeyed, do="answer") if said.t >= began), default=began)


def unheard(struck: Struck[Any]) -> Harm | None:
    """Return what a server that does not answer, or late, cost: requests given up, a subscription, the probe itself."""
    read: list[Entry[Ignored | Held]] = [*struck.evidence.of(Ignored), *struck.evidence.of(Held)]
    asked = [entry for entry in read if struck.at <= entry.t <= struck.over]
    if not asked:
        return None
    return until_given_up(struck, since=min(entry.t for entry in asked), methods={entry.event.what for entry in asked})
