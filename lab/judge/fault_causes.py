"""Finds faults that cost a probe. Pure function of the evidence.

A fault can be the cause of a lost probe if it had begun by then, did harm to the probe's flow, and was not mended. That
a fault happened does not make it a cause: a link may be down while nobody sends. It did harm if the record has a trace
of it on the flow: a packet that was lost, a mapping or connection that ended by it, a request that nobody answered and
that its sender then gave up. Each fault says itself what its traces are (``Fault.harm``).

A fault that is over, or that changed something for good, is mended by the next sign that the flow which the probe takes
works, or that what the probe needs of the account was granted on this flow. What happens on other flows mends nothing.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from lab.faults.base import LostProbe, occurrences
from lab.judge import account
from lab.judge.probe_needs import Gap, Need, UnansweredProbe
from lab.judge.tolerances import AT_ONCE_S
from lab.model.outcome import Cause
from lab.model.without import WithoutFault
from lab.record.events import REQUESTS, Probe, ResponseSent
from lab.record.evidence import Evidence, accepted
from lab.record.flows import Flow
from lab.sip.status import is_success


def gaps(evidence: Evidence, lost: UnansweredProbe, *, closed: float | None) -> Iterator[Gap]:
    """Find the faults that cost the probe, each with the time from which on it stood in the way.

    Args:
        evidence: of the cell.
        lost: the probe.
        closed: when the client closed its flow for a reason of its own; None: it did not.
    """
    if lost.flow is None:
        return
    struck = LostProbe(
        probe=lost.probe,
        flow=lost.flow,
        closed=closed,
        account=lost.account,
        asked_again_s=lost.asked_again_s,
    )
    for fault, seen in occurrences(evidence):
        if seen.at > lost.probe.known_s:
            continue
        impact = fault.impact(seen, struck)
        over = seen.at if fault.is_change else seen.over
        if impact is not None and not _mended(evidence, lost, lost.flow, since=max(over, impact.since_s)):
            text = f"{fault.words()} at {seen.at:.1f} s{impact.words}"
            lines = (seen.began.line, *impact.evidence)
            cause = Cause(kind=fault.cause, at_s=seen.at, text=text, evidence=lines)
            again = lost.asked_again_s
            yield Gap(
                need=Need.FAULTS,
                since_s=impact.since_s,
                cause=cause,
                without=WithoutFault(seen.began.event.n),
                outlived=again is not None and not seen.at <= again <= seen.over,
                anew_s=impact.anew_s,
            )


def _mended(evidence: Evidence, lost: UnansweredProbe, flow: Flow, *, since: float) -> bool:
    """Return whether the probe's flow worked, or carried the account, between a fault with its harm and the probe."""
    before = lost.probe.asked_s if lost.probe.unconfirmed_s is None else lost.probe.unconfirmed_s
    if since >= before:
        return False
    if account.granted_again(evidence, lost.account, since=since, before=before, flow=flow.id):
        return True
    if any(since < entry.t < before and accepted(entry.event) for entry in evidence.of(Probe, flow=flow.id)):
        return True
    account_was_there = lost.probe.unreached
    return account_was_there and _heard(evidence, flow, since=since, before=before)


def _heard(evidence: Evidence, flow: Flow, *, since: float, before: float) -> bool:
    """Return whether the client heard the answer to a request of its own on a flow, in a time."""
    for kind, method in REQUESTS.items():
        answered = [entry.t for entry in evidence.of(ResponseSent, method=method, flow=flow.id)]
        for heard in evidence.of(kind):
            if since < heard.t < before and is_success(heard.event.code):
                number = bisect_right(answered, heard.t)
                if number and answered[number - 1] >= heard.t - AT_ONCE_S:
                    return True
    return False
