"""Represents one explanation of a case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Hypothesis:
    """One explanation, and what a scenario needs to show it.

    Attributes:
        name: of its file and of the hypothesis in lists: ``forgot-flow``.
        cause: as the lab names it; empty: it names none, or nothing was lost.
        score: from 0 to 1; the higher, the more of what was seen it predicts and others do not.
        text: what happened, in sentences.
        at: when the cause was, Unix time or the file's; None: it has no time.
        within: how far from then it may have been, in seconds.
        faults: as a scenario has them, but for ``at`` and ``lasts``, which are floats in seconds after time zero.
        middlebox: values in the place of those of the brackets.
        forgets: whether the middlebox has the timer of the bracket, else it forgets nothing.
        server: keys of the server.
        topology: the network.
        decide: what measurement would tell it from others; empty: none is needed.
    """

    name: str
    cause: str
    score: float
    text: str
    at: float | None = None
    within: float = 0.5
    faults: tuple[dict[str, dict[str, Any]], ...] = ()
    middlebox: dict[str, Any] = field(default_factory=dict)
    forgets: bool = False
    server: dict[str, Any] = field(default_factory=dict)
    topology: str = "home-nat"
    decide: str = ""
