"""Compares a cell's outcome with its claim. Pure."""

from __future__ import annotations

import dataclasses

from lab.model.outcome import Cause, Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict


def claimed(cell: Cell, outcome: Outcome) -> Outcome:
    """Return the outcome with what becomes of the claim."""
    text = differs(cell, outcome.verdict, outcome.cause)
    holds = None if cell.claim is None else not text
    return dataclasses.replace(outcome, claim_holds=holds, claim_text=text)


def differs(cell: Cell, verdict: Verdict, cause: Cause | None) -> str:
    """Say what differs from the claim; empty if nothing does or nothing was claimed."""
    claim = cell.claim
    if claim is None:
        return ""
    if verdict is not claim.verdict:
        return f"claimed {claim.verdict.value}, seen {verdict.value}"
    if claim.cause is not None and (cause is None or cause.kind.name != claim.cause):
        return f"claimed cause {claim.cause}, seen {cause.kind.name if cause else 'none'}"
    if claim.at is not None:
        at = cause.at_s if cause else None
        if at is None or abs(at - float(claim.at)) > float(claim.within):
            seen = "at no known time" if at is None else f"at {at:.2f} s"
            return f"claimed at {claim.at} ± {claim.within}, seen {seen}"
    return ""
