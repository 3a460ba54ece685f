"""Compares a measured middlebox with its profile. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from lab.judge.sentinel import MappingState, expected
from lab.middlebox.measurement import ForgottenFlowResponse, IdleSurvival, Measurement, NextPort
from lab.model.middlebox import BEHAVIORS, ForgottenFlow, Middlebox, PortAssignment
from lab.units import Seconds

CLOSE_S = 1.0
"""How far from a claimed timer flows are looked at; conntrack counts in whole seconds."""

TIMERS = {
    "established_idle_timeout": "established",
    "transitory_timeout": "transitory",
    "udp_mapping_timer": "udp",
    "udp_one_way_timer": "udp_one_way",
    "lifetime": "lifetime",
}
"""The fields that are timers, and where ``Measurement`` has what was seen of them."""


NEXT_PORT = "port_after_expiry"
"""No field of a profile: it follows from ``port_assignment`` that a mapping ends with its port."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BehaviorComparison:
    """One behavior.

    Attributes:
        behavior: the field of ``Middlebox``, or ``NEXT_PORT``.
        claimed, shown: as people read them; ``shown`` is empty if it could not be looked at.
        agrees: None if it could not be looked at.
    """

    behavior: str
    claimed: str
    shown: str
    agrees: bool | None


def compare(claim: Middlebox, shown: Measurement) -> list[BehaviorComparison]:
    """Compare each behavior of a profile, in the order of its fields, and what follows from them."""
    own = [_timer(name, claim, shown) if name in TIMERS else _behavior(name, claim, shown) for name in BEHAVIORS]
    return [*own, _next_port(claim, shown)]


def _next_port(claim: Middlebox, shown: Measurement) -> BehaviorComparison:
    """Compare what becomes of a UDP mapping that has ended: nothing enters, and the next one's port is the rule's."""
    preserves = claim.port_assignment is PortAssignment.PRESERVATION
    claimed = NextPort.INSIDE if preserves else NextPort.ANOTHER
    seen = {
        f"{each.next_port.value}{', and the old one still lets in' if each.enters else ''}": each.end
        for each in shown.ended
    }
    text = ", ".join(text if len(seen) == 1 else f"{text} after its {end}" for text, end in seen.items())
    agrees = all(each.next_port is claimed and not each.enters for each in shown.ended) if shown.ended else None
    return BehaviorComparison(behavior=NEXT_PORT, claimed=claimed.value, shown=text, agrees=agrees)


def _timer(name: str, claim: Middlebox, shown: Measurement) -> BehaviorComparison:
    claimed = claim.new_udp_timer if name == "udp_one_way_timer" else getattr(claim, name)
    lived: IdleSurvival = getattr(shown, TIMERS[name])
    text = "never" if claimed is None else str(claimed)
    agrees: bool | None
    if claimed is None:
        agrees = lived.dead is None
    elif lived.dead is None:
        agrees = None if lived.alive < claimed else False
    else:
        agrees = claimed - CLOSE_S <= lived.alive < claimed < lived.dead <= claimed + CLOSE_S
    return BehaviorComparison(behavior=name, claimed=text, shown=_span(lived), agrees=agrees)


def _span(lived: IdleSurvival) -> str:
    if lived.dead is None:
        return f"more than {Seconds(lived.alive)}"
    return f"{lived.alive:g} to {Seconds(lived.dead)}"


def _behavior(name: str, claim: Middlebox, shown: Measurement) -> BehaviorComparison:
    claimed: Any = getattr(claim, name)
    if name == "forgotten":
        seen = None if shown.met is None else forgotten(shown.met)
        text = "" if shown.met is None else (seen.value if seen else _words(shown.met))
        agrees = None if shown.met is None else seen is claim.forgotten
        return BehaviorComparison(behavior=name, claimed=claimed.value, shown=text, agrees=agrees)
    value: Any = getattr(shown, name)
    if isinstance(value, tuple):
        return BehaviorComparison(
            behavior=name, claimed=_list(claimed), shown=_list(value), agrees=set(value) == set(claimed)
        )
    text = "" if value is None else value.value
    return BehaviorComparison(
        behavior=name, claimed=claimed.value, shown=text, agrees=None if value is None else value is claimed
    )


def _list(values: tuple[Enum, ...]) -> str:
    return ", ".join(value.value for value in values) or "none"


def forgotten(met: ForgottenFlowResponse) -> ForgottenFlow | None:
    """Return the behavior with these observations; None if there is none."""
    for way in ForgottenFlow:
        box = Middlebox(name="x", established_idle_timeout=Seconds(1), forgotten=way)
        found = {
            ForgottenFlow.RST_TO_BOTH: ("reset", "reset"),
            ForgottenFlow.FIN_TO_INSIDE: ("closed", "open"),
        }.get(way, ("open", "open"))
        if (
            expected([(box, MappingState.EXPIRED)]) == (met.inside, met.outside)
            and found == (met.found_inside, met.found_outside)
            and met.new_port is (way is ForgottenFlow.REPICKUP_NEW_PORT)
        ):
            return way
    return None


def _words(met: ForgottenFlowResponse) -> str:
    port = ", on a new port" if met.new_port else ""
    return f"inside {met.inside} (found {met.found_inside}){port}, outside {met.outside} (found {met.found_outside})"
