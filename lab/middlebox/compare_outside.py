"""Compares what the programs of ``lab probe`` found with a profile. Pure."""

from __future__ import annotations

from typing import Any

from lab.middlebox.compare import NEXT_PORT, BehaviorComparison
from lab.model.middlebox import Middlebox
from lab.nat_probe.findings import Findings
from lab.nat_probe.profile import FACTS, TIMERS, lines, profile


def compare_outside(claim: Middlebox, found: Findings) -> list[BehaviorComparison]:
    """Compare each behavior of a profile, in the order of `compare`; not what becomes of a port after its mapping."""
    shown = profile(found, claim.name)
    compared = []
    for line in lines(found):
        claimed: Any = claim.new_udp_timer if line.field == "udp_one_way_timer" else getattr(claim, line.field)
        beyond = _beyond(found, line.field)
        if line.value:
            agrees = getattr(shown, line.field) == claimed if line.sure else None
            text = line.value
        elif beyond is not None:
            agrees = True if claimed is None else (None if claimed > beyond else False)
            text = f"more than {beyond:g} s"
        else:
            agrees, text = None, line.note
        compared.append(BehaviorComparison(behavior=line.field, claimed=_said(claimed), shown=text, agrees=agrees))
    return [*compared, BehaviorComparison(behavior=NEXT_PORT, claimed="", shown="", agrees=None)]


def _beyond(found: Findings, field: str) -> float | None:
    """Return how long a timer was waited for in vain; None: it was not, or not in vain."""
    if field in TIMERS:
        bracket = found.brackets.get(TIMERS[field])
        return bracket.alive if bracket is not None and bracket.beyond else None
    fact = found.facts.get(FACTS[field], {}) if field == "lifetime" else {}
    return fact["alive"] if fact.get("value", 0) is None else None


def _said(claimed: Any) -> str:
    if claimed is None:
        return "never"
    if isinstance(claimed, tuple):
        return f"[{', '.join(each.value for each in claimed)}]"
    return str(getattr(claimed, "value", claimed))
