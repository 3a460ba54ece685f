"""Why a cell came out as it did, in sentences: the chain from the cause to the lost probe, and what became of it."""

from __future__ import annotations

from lab.model.outcome import Link, Outcome, ProbeFate, Repair
from lab.model.scenario import Cell

MOST_LINES = 4
"""Line numbers named for one link at most; the first and the last of more."""


def explain(cell: Cell, outcome: Outcome) -> list[str]:
    """Sentences about one cell, its name and verdict first."""
    measured = outcome.metrics
    told = [f"{cell.name}: {outcome.verdict.value}, {measured.delivered} of {measured.probes} probes answered"]
    if outcome.doubt:
        told.append(f"  {outcome.doubt}")
    if outcome.cause is not None:
        cause = outcome.cause
        links = [_sentence(link) for link in cause.chain]
        told += [f"  {links[0]}"] + [f"  → {link}" for link in links[1:]]
    if measured.repair.broken_s is not None:
        told.append(f"  {_noticed(measured.repair)}")
    for probe in outcome.probes:
        if len(probe.branches) > 1 or (probe.branches and not probe.answered):
            told += _forked(probe)
    return told


def _forked(probe: ProbeFate) -> list[str]:
    number = len(probe.branches)
    to = "1 contact" if number == 1 else f"{number} contacts"
    fate = "answered" if probe.answered else "lost"
    said = [f"  {probe.kind_.upper()} at {probe.at_s:.1f} s went to {to}, {fate}:"]
    return said + [f"    {_sentence(branch)}" for branch in probe.branches]


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
