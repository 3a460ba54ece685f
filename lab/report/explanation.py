"""Explains why a cell came out as it did: the chain to each lost probe, or what kept the client reachable."""

from __future__ import annotations

from lab.model.outcome import CauseFound, Link, Outcome, Repair
from lab.model.scenario import Cell
from lab.model.verdict import Verdict

MOST_LINES = 4
"""Line numbers named for one link at most; the first and the last of more."""


def explain(cell: Cell, outcome: Outcome) -> list[str]:
    """Sentences about one cell, its name and verdict first."""
    measured = outcome.metrics
    told = [f"{cell.name}: {outcome.verdict.value}, {measured.delivered} of {measured.probes} probes answered"]
    if outcome.doubt:
        told.append(f"  {outcome.doubt}")
    before: CauseFound | None = None
    for fate in outcome.probes:
        if fate.cause is not None:
            told += _lost(fate.cause, before)
            before = fate.cause
    if outcome.verdict is Verdict.PASS:
        told += [f"  {_sentence(link)}" for link in outcome.kept_by]
    if measured.repair.broken_s is not None:
        told.append(f"  {_noticed(measured.repair)}")
    return told


def _lost(cause: CauseFound, before: CauseFound | None) -> list[str]:
    """Return the chain to a lost probe; of one with the same cause as the probe before only what is new."""
    known = {link.text for link in before.chain} if before is not None and _same(cause, before) else set()
    links = [_sentence(link) for link in cause.chain if link.text not in known]
    first = f"  → {links[0]}" if known else f"  {links[0]}"
    return [first, *(f"  → {link}" for link in links[1:])]


def _same(one: CauseFound, other: CauseFound) -> bool:
    return (one.kind, one.at_s) == (other.kind, other.at_s) and one.at_s is not None


def _sentence(link: Link) -> str:
    shown = [str(number) for number in link.evidence]
    if len(shown) > MOST_LINES:
        shown = [*shown[: MOST_LINES - 1], "…", shown[-1]]
    return f"{link.text} ({'line' if len(shown) == 1 else 'lines'} {', '.join(shown)})"


def _noticed(repair: Repair) -> str:
    assert repair.broken_s is not None
    told = [f"the flow broke at {repair.broken_s:.1f} s"]
    for who, did, after in (
        ("the client", "noticed", repair.client_noticed_after_s),
        ("the server", "noticed", repair.server_noticed_after_s),
        ("the client", "subscribed again", repair.resubscribed_after_s),
    ):
        told.append(f"{who} never {did}" if after is None else f"{who} {did} at {repair.broken_s + after:.1f} s")
    return "; ".join(told)
