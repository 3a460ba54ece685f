"""Explains why a cell came out as it did: the chain to each lost probe, or what kept the client reachable."""

from __future__ import annotations

from collections.abc import Sequence

from lab.model.outcome import CauseFound, Link, Outcome, ProbeFate, Repair
from lab.model.scenario import Cell
from lab.model.verdict import CLIENT_UNSUBSCRIBED, REGISTRATION_EXPIRED, SUBSCRIPTION_EXPIRED, Verdict

MOST_LINES = 4
"""Line numbers named for one link at most; the first and the last of more."""


_ACCOUNT_ENDED = (SUBSCRIPTION_EXPIRED, REGISTRATION_EXPIRED, CLIENT_UNSUBSCRIBED)

MOST_ALIKE = 3
"""Lost probes with the same cause that are told one by one at most."""


def explain(cell: Cell, outcome: Outcome) -> list[str]:
    """Sentences about one cell, its name and verdict first."""
    measured = outcome.metrics
    told = [f"{cell.name}: {outcome.verdict.value}, {measured.delivered} of {measured.probes} probes answered"]
    if outcome.doubt:
        told.append(f"  {outcome.doubt}")
    for alike in _alike([fate for fate in outcome.probes if fate.cause is not None]):
        told += _lost(alike)
    if outcome.verdict is Verdict.PASS:
        told += [f"  {_sentence(link)}" for link in outcome.kept_by]
    if measured.repair.broken_s is not None:
        told.append(f"  {_noticed(measured.repair, outcome.cause)}")
    return told


def _alike(lost: Sequence[ProbeFate]) -> list[list[ProbeFate]]:
    """Return the lost probes, those in a row together that have the same cause."""
    found: list[list[ProbeFate]] = []
    for fate in lost:
        if found and _same(found[-1][-1].cause, fate.cause):
            found[-1].append(fate)
        else:
            found.append([fate])
    return found


def _lost(alike: Sequence[ProbeFate]) -> list[str]:
    """Return the chain to the first of these lost probes, and of the others what is new."""
    known: set[str] = set()
    told: list[str] = []
    for fate in alike[:MOST_ALIKE]:
        assert fate.cause is not None
        new = [link for link in fate.cause.chain if link.text not in known]
        told += [f"  {'→ ' if told or number else ''}{_sentence(link)}" for number, link in enumerate(new)]
        known |= {link.text for link in new}
    if (more := len(alike) - MOST_ALIKE) > 0:
        told.append(f"  → and {more} more likewise, the last at {alike[-1].at_s:.1f} s")
    return told


def _same(one: CauseFound | None, other: CauseFound | None) -> bool:
    return one is not None and other is not None and (one.kind, one.at_s) == (other.kind, other.at_s)


def _sentence(link: Link) -> str:
    shown = [str(number) for number in link.evidence]
    if len(shown) > MOST_LINES:
        shown = [*shown[: MOST_LINES - 1], "…", shown[-1]]
    return f"{link.text} ({'line' if len(shown) == 1 else 'lines'} {', '.join(shown)})"


def _noticed(repair: Repair, cause: CauseFound | None) -> str:
    """Say who noticed the break of the flow, and when the client was back; of an account that ended only the latter."""
    assert repair.broken_s is not None
    again = [("the client", "subscribed again", repair.resubscribed_after_s)]
    if cause is not None and cause.kind in _ACCOUNT_ENDED:
        told = [f"the account ended at {repair.broken_s:.1f} s"]
        if repair.reregistered_after_s is not None:
            again.append(("the client", "registered again", repair.reregistered_after_s))
    else:
        told = [f"the flow broke at {repair.broken_s:.1f} s"]
        noticed = [("the client", repair.client_noticed_after_s), ("the server", repair.server_noticed_after_s)]
        again = [*((who, "noticed", after) for who, after in noticed), *again]
    for who, did, after in again:
        told.append(f"{who} never {did}" if after is None else f"{who} {did} at {repair.broken_s + after:.1f} s")
    return "; ".join(told)
