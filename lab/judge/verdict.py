"""Record → outcome: pure, so that a run from last year is judged like one of today."""

from __future__ import annotations

import dataclasses

from lab.clients.catalogue import client_of
from lab.judge import causes, contradictions, fault_evidence, metrics, rewriting, sentinel
from lab.judge.branches import branches
from lab.judge.chain import chain
from lab.mitigations.catalogue import not_offered
from lab.model.outcome import CauseFound, Outcome, ProbeFate
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record.events import (
    Aborted,
    ClientReady,
    FaultBegan,
    ProtocolError,
    ServerSubscription,
    Subscribed,
)
from lab.record.evidence import Evidence

SET_UP_S = 1.0
"""A subscription that the client speaks of exists at the server by then; the NOTIFY that tells the client is later."""

SHOWN = 80
"""How much of a broken line a doubt quotes."""


def judge(evidence: Evidence) -> Outcome:
    """Return the outcome of a cell that ran to its end, or was cut short.

    A cell passes if its expectation is met, fails if it is not, and is inconclusive if it did not run to its end, sent
    fewer probes than the scenario has, one of its faults did not take effect, or its middlebox did not do what the
    scenario says (the sentinel flows tell; of a SIP ALG, what the client sent and what the server got).
    """
    cell = evidence.cell
    unsupported = cell.unsupported or _not_offered(evidence)
    doubt = unsupported or _doubt(evidence)
    cause = None if doubt else _cause(evidence)
    measured = metrics.measure(evidence, cause)
    if unsupported:
        verdict = Verdict.UNSUPPORTED
    elif doubt:
        verdict = Verdict.INCONCLUSIVE
    elif _met(evidence):
        verdict, cause = Verdict.PASS, None
    else:
        verdict = Verdict.FAIL
    claim_text = _differs(cell, verdict, cause)
    return Outcome(
        verdict=verdict,
        cause=cause,
        doubt=doubt,
        metrics=measured,
        probes=tuple(
            ProbeFate(at_s=one.sent_s, kind_=one.kind, answered=one.answered, branches=branches(evidence, one))
            for one in evidence.probes
        ),
        claim_holds=None if cell.claim is None else not claim_text,
        claim_text=claim_text,
    )


def _not_offered(evidence: Evidence) -> str:
    """Say why the strategy cannot exist with the scenario's own client, as far as that has said what it offers."""
    cell = evidence.cell
    if client_of(cell).offers is not None:
        return ""
    for ready in evidence.of(ClientReady):
        return not_offered(cell.strategy.mitigations, ready.event.mitigations or ())
    if evidence.has(Subscribed):  # one that is set up and has not offered anything offers nothing
        return not_offered(cell.strategy.mitigations, ())
    return ""


def _doubt(evidence: Evidence) -> str:
    if not evidence.entries:
        return "the cell was not run"
    if wrong := _protocol_error(evidence):
        return wrong
    if evidence.never_silent():
        return "the client never got as far as falling silent" + _last_word(evidence)
    if not any(entry.t <= SET_UP_S for entry in evidence.of(ServerSubscription, state="active")):
        return "the client says that it is subscribed, but the server knows of no subscription"
    if evidence.ended() is None:
        return "the run was cut short"
    due = evidence.cell.probes
    known = [probe.name for probe in evidence.probes]
    if sorted(known) != sorted(f"p{number}" for number, _ in enumerate(due, start=1)):
        return f"{len(due)} probes were due, the fate of {len(known)} is known: {', '.join(known) or 'none'}"
    without_effect = "" if _failed_before_faults(evidence) else fault_evidence.doubt(evidence)
    doubts = (rewriting.doubt, sentinel.doubt, contradictions.doubt)
    return without_effect or next((text for each in doubts if (text := each(evidence))), "")


def _met(evidence: Evidence) -> bool:
    """Return whether so many probes were answered as the scenario expects."""
    answered = sum(probe.answered for probe in evidence.probes)
    return answered * 100 >= float(evidence.cell.expect.delivered) * len(evidence.cell.probes)


def _failed_before_faults(evidence: Evidence) -> bool:
    """Return whether the cell fails for a reason older than any fault: then a fault may find nothing to act on.

    One that passes all the same (the expectation allows lost probes) must show its faults like any other.
    """
    if _met(evidence):
        return False
    cause = _cause(evidence)
    begun = min((entry.t for entry in evidence.of(FaultBegan)), default=0.0)
    return cause is not None and cause.at_s is not None and cause.at_s < begun


def _protocol_error(evidence: Evidence) -> str:
    for entry in evidence.of(ProtocolError):
        wrote = f": `{entry.event.wrote[:SHOWN]}`" if entry.event.wrote else ""
        return f"the scenario's {entry.event.actor} broke the actor protocol: {entry.event.why}{wrote}"
    return ""


def _last_word(evidence: Evidence) -> str:
    for entry in evidence.of(Aborted, who=evidence.client):
        return f"; its process ended by {entry.event.how}: {entry.event.last}"
    ready = evidence.has(ClientReady)
    return ": it said `ready`, never `subscribed`" if ready else ": it never said `ready`"


def _cause(evidence: Evidence) -> CauseFound | None:
    """Return the cause of the first probe that failed, and the chain from there."""
    for probe in evidence.probes:
        if not probe.answered:
            cause = causes.find(evidence, probe)
            return dataclasses.replace(cause, chain=chain(evidence, probe, cause))
    return None


def _differs(cell: Cell, verdict: Verdict, cause: CauseFound | None) -> str:
    """What differs from the claim; empty if nothing does or nothing was claimed."""
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
