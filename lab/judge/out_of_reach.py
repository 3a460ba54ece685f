"""Finds the longest time for which a cell's record cannot show that its client was within reach. Pure.

Probes alone tell too little: a client that a fault cuts off and that is back before the next probe has been out of
reach, and no probe was lost. So these are looked at:

- the outages that lost probes show, the cell's own and those at its weakest moments;
- each end of something that a probe needs, until it is there again (``lab.judge.weakest_times``);
- each fault, from its beginning until the last such end that follows from it is mended; if nothing ended, until the
  first probe that was answered after it, as nothing earlier proves that the client was within reach.

An answered probe ends each of these times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from lab.faults.base import occurrences
from lab.judge import pushes
from lab.judge.tolerances import AT_ONCE_S
from lab.judge.weakest_times import End, ends
from lab.model.outcome import Outcome
from lab.record.evidence import Evidence

NEVER_BACK = math.inf
"""The length of a time that lasts until the end of the run."""


def longest_outage(evidence: Evidence, outcome: Outcome) -> float:
    """Return the longest time out of reach, in seconds; 0: there was none, infinite: it lasted to the end.

    Args:
        evidence: of a cell that passed or failed.
        outcome: its outcome, in the light of its twins.
    """
    lasted = [NEVER_BACK if each.to_s is None else each.to_s - each.from_s for each in outcome.metrics.outages]
    lasted += [NEVER_BACK if each.gap_s is None else each.gap_s for each in outcome.tried if each.reached is False]
    over = evidence.ended() or float(evidence.cell.ends)
    found = list(ends(evidence, woken=pushes.needs_no_flow(evidence.cell)))
    lasted += [_until(evidence, end.at_s, min(end.until_s, over), over) for end in found]
    lasted += _after_faults(evidence, found, over)
    return max(lasted, default=0.0)


def _after_faults(evidence: Evidence, found: list[End], over: float) -> Iterator[float]:
    for _, seen in occurrences(evidence):
        proof = _answered(evidence, seen.at)
        mended = [min(end.until_s, over) for end in found if seen.at - AT_ONCE_S <= end.at_s < proof]
        yield _until(evidence, seen.at, max(mended, default=over), over)


def _until(evidence: Evidence, since: float, mended: float, over: float) -> float:
    """Return how long it took until something was mended, or until an answered probe showed that it was."""
    until = min(mended, _answered(evidence, since))
    return NEVER_BACK if until >= over else max(0.0, until - since)


def _answered(evidence: Evidence, since: float) -> float:
    """Return when the first probe was sent that was sent after a moment, and answered; infinite: none was."""
    return min((one.sent_s for one in evidence.probes if one.answered and one.sent_s >= since), default=math.inf)
