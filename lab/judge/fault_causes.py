"""Finds faults that cost a probe. Pure function of the evidence.

A fault can be the cause of a lost probe if it had begun by then, did harm to the probe's flow, and was not mended. That
a fault happened does not make it a cause: a link may be down while nobody sends. It did harm if the record has a trace
of it on the flow: a packet that was lost, a mapping or connection that ended by it, a request that nobody answered and
that its sender then gave up. Each fault says itself what its traces are (``Fault.harm``).

A fault that is over, or that changed something for good, is mended by the next sign that the flow which the probe takes
works, or that what the probe needs of the account was granted on this flow. What happens on other flows mends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.faults.base import LostProbe, occurrences
from lab.judge import account
from lab.judge.gaps import Gap, Lost, Need
from lab.model.outcome import CauseFound
from lab.model.suspect import WithoutFault
from lab.record.events import Probe
from lab.record.evidence import Evidence, accepted


def gaps(evidence: Evidence, lost: Lost, *, closed: float | None) -> Iterator[Gap]:
    """Find the faults that cost the probe, each with the time from which on it stood in the way.

    Args:
        evidence: of the cell.
        lost: the probe.
        closed: when the client closed its flow for a reason of its own; None: it did not.
    """
    if lost.flow is None:
        return
    struck = LostProbe(probe=lost.probe, flow=lost.flow, closed=closed, asked_again_s=lost.asked_again_s)
    for fault, seen in occurrences(evidence):
        over = seen.at if fault.is_change else seen.over
        if seen.at > lost.probe.known_s or _mended(evidence, lost, max(over, seen.at)):
            continue
        harm = fault.harm(seen, struck)
        if harm is not None:
            text = f"{fault.words()} at {seen.at:.1f} s{harm.words}"
            lines = (seen.began.line, *harm.evidence)
            cause = CauseFound(kind=fault.cause, at_s=seen.at, text=text, evidence=lines)
            without = WithoutFault(seen.began.event.n)
            yield Gap(need=Need.FAULTS, since_s=harm.since_s, cause=cause, without=without)


def _mended(evidence: Evidence, lost: Lost, over: float) -> bool:
    """Return whether the probe's flow worked, or carried the account, between the end of a fault and the probe."""
    before = lost.probe.asked_s if lost.probe.unconfirmed_s is None else lost.probe.unconfirmed_s
    if over >= before or lost.flow is None:
        return False
    if account.granted_again(evidence, lost.account, since=over, before=before, flow=lost.flow.id):
        return True
    arrived = (entry for entry in evidence.of(Probe, flow=lost.flow.id) if accepted(entry.event))
    return any(over < entry.t < before for entry in arrived)
