"""Judges a record. Pure, so that an old run is judged like a new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from lab.clients.catalog import client_of
from lab.judge import (
    account_check,
    causes,
    claims,
    consistency,
    fault_evidence,
    metrics,
    sentinel,
    sip_alg_check,
    unreachable_contact,
)
from lab.judge.chain import chain
from lab.judge.pass_explanation import kept_by
from lab.judge.probe_branches import branches
from lab.mitigations.catalog import not_offered
from lab.model.outcome import Outcome, ProbeFate, Suspect
from lab.model.verdict import Verdict
from lab.record.events import (
    Aborted,
    ClientReady,
    LimitPassed,
    ProtocolError,
    Registered,
    Subscribed,
)
from lab.record.evidence import Evidence

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
    suspects = {} if unsupported else _suspects(evidence)
    doubt = unsupported or _doubt(evidence, suspects)
    told = {} if doubt else {name: those[0].cause for name, those in suspects.items()}
    first = next((probe.name for probe in evidence.probes if probe.name in told), None)
    cause = None if first is None else told[first]
    measured = metrics.measure(evidence, told)
    if unsupported:
        verdict = Verdict.UNSUPPORTED
    elif doubt:
        verdict = Verdict.INCONCLUSIVE
    elif _met(evidence):
        verdict, cause, first = Verdict.PASS, None, None
    else:
        verdict = Verdict.FAIL
    claim_text = claims.differs(cell, verdict, cause)
    return Outcome(
        verdict=verdict,
        cause=cause,
        doubt=doubt,
        metrics=measured,
        probes=tuple(
            ProbeFate(
                at_s=one.sent_s,
                kind_=one.kind,
                answered=one.answered,
                branches=branches(evidence, one),
                cause=told.get(one.name) if verdict is Verdict.FAIL else None,
            )
            for one in evidence.probes
        ),
        claim_holds=None if cell.claim is None else not claim_text,
        claim_text=claim_text,
        suspects=() if first is None else suspects[first],
        kept_by=kept_by(evidence) if verdict is Verdict.PASS else (),
    )


def _not_offered(evidence: Evidence) -> str:
    """Say why the strategy cannot exist with the scenario's own client, as far as that has said what it offers."""
    cell = evidence.cell
    if client_of(cell).offers is not None:
        return ""
    for ready in evidence.of(ClientReady):
        return not_offered(cell.strategy.mitigations, ready.event.mitigations or ())
    if evidence.has(Subscribed) or evidence.has(Registered):  # set up, and has not offered anything
        return not_offered(cell.strategy.mitigations, ())
    return ""


def _doubt(evidence: Evidence, suspects: Mapping[str, Sequence[Suspect]]) -> str:
    if not evidence.entries:
        return "the cell was not run"
    if wrong := _limit_passed(evidence) or _protocol_error(evidence):
        return wrong
    if wrong := account_check.more_than_it_has(evidence):
        return wrong
    if evidence.never_silent():
        return (
            f"the client never got as far as falling silent{_last_word(evidence)}{unreachable_contact.hint(evidence)}"
        )
    if evidence.ended() is None:  # before what the record lacks: it lacks all that was still to come
        return "the run was cut short"
    if wrong := account_check.less_than_it_says(evidence):
        return wrong
    due = evidence.cell.probes
    known = [probe.name for probe in evidence.probes]
    if sorted(known) != sorted(f"p{number}" for number, _ in enumerate(due, start=1)):
        return f"{len(due)} probes were due, the fate of {len(known)} is known: {', '.join(known) or 'none'}"
    without_effect = fault_evidence.why_inconclusive(evidence, moot=lambda t: _failed_by(evidence, suspects, t))
    doubts = (sip_alg_check.why_inconclusive, sentinel.why_inconclusive, consistency.why_inconclusive)
    return without_effect or next((text for each in doubts if (text := each(evidence))), "")


def _met(evidence: Evidence) -> bool:
    """Return whether so many probes were answered as the scenario expects."""
    answered = sum(probe.answered for probe in evidence.probes)
    return answered * 100 >= float(evidence.cell.expect.delivered) * len(evidence.cell.probes)


def _failed_by(evidence: Evidence, suspects: Mapping[str, Sequence[Suspect]], moment: float) -> bool:
    """Return whether the cell fails for reasons older than a moment: then a fault that did nothing by then is moot.

    One that passes all the same (the expectation allows lost probes) must show its faults like any other.
    """
    causes_s = [those[0].cause.at_s for those in suspects.values()]
    lost = sum(1 for at_s in causes_s if at_s is not None and at_s < moment)
    due = len(evidence.cell.probes)
    return (due - lost) * 100 < float(evidence.cell.expect.delivered) * due


def _limit_passed(evidence: Evidence) -> str:
    for entry in evidence.of(LimitPassed):
        return f"the scenario's {entry.event.actor} {entry.event.what}; the lab ended the cell then"
    return ""


def _protocol_error(evidence: Evidence) -> str:
    for entry in evidence.of(ProtocolError):
        wrote = f": `{entry.event.wrote[:SHOWN]}`" if entry.event.wrote else ""
        return f"the scenario's {entry.event.actor} broke the actor protocol: {entry.event.why}{wrote}"
    return ""


def _last_word(evidence: Evidence) -> str:
    for entry in evidence.of(Aborted, who=evidence.client):
        return f"; its process ended by {entry.event.how}: {entry.event.last}"
    if not evidence.has(ClientReady):
        return ": it never said `ready`"
    return f": it said `ready`, never `{account_check.first_unsaid(evidence)}`"


def _suspects(evidence: Evidence) -> dict[str, tuple[Suspect, ...]]:
    """Return the possible causes of each lost probe, by its name, each with the chain from there."""
    return {
        probe.name: tuple(
            dataclasses.replace(one, cause=dataclasses.replace(one.cause, chain=chain(evidence, probe, one.cause)))
            for one in causes.find(evidence, probe)
        )
        for probe in evidence.probes
        if not probe.answered
    }
