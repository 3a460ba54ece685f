"""Finds the result of a probe at each contact that it was sent to. Pure."""

from __future__ import annotations

from lab.model.outcome import ChainStep
from lab.record.entry import Entry
from lab.record.events import ProbeBranch
from lab.record.evidence import Evidence, ProbeAttempt

_FAILED = {
    "timeout": "no answer",
    "flow-gone": "its connection was gone",
    "given-up": "not sent, as the server had given it up",
    "registered-anew": "its connection was gone, and the client registered anew",
    "another-answered": "not sent, as another contact had answered",
    "server-down": "the server's process ended",
}


def branches(evidence: Evidence, probe: ProbeAttempt) -> tuple[ChainStep, ...]:
    """Return the branches of a probe, that to the contact which registered last first; empty: it had none."""
    steps: dict[int, list[Entry[ProbeBranch]]] = {}
    for entry in evidence.of(ProbeBranch, probe=probe.name):
        steps.setdefault(entry.event.branch, []).append(entry)
    return tuple(_branch(said) for _, said in sorted(steps.items()))


def _branch(said: list[Entry[ProbeBranch]]) -> ChainStep:
    first = said[0]
    flow = said[-1].event.flow
    whom = f"{first.event.contact} on {flow}, registered {_since(first.event.age)} before"
    return ChainStep(at_s=first.t, text=f"{whom}: {_fate(said)}", evidence=tuple(entry.line for entry in said))


def _since(age: float) -> str:
    return f"{age:.0f} s" if age >= 10 else f"{age:.1f} s"


def _fate(said: list[Entry[ProbeBranch]]) -> str:
    last = said[-1]
    rang = ["rang"] if any(entry.event.state == "ringing" for entry in said) else []
    cancelled = ["was cancelled"] if any(entry.event.state == "cancelled" for entry in said) else []
    if last.event.state == "answered":
        fate = [f"answered {last.event.code} at {last.t:.1f} s"]
    elif last.event.state == "failed":
        fate = [_FAILED.get(last.event.reason, last.event.reason)]
    else:
        fate = [] if rang or cancelled else ["no answer by the end of the run"]
    return ", ".join([*rang, *cancelled, *fate])
