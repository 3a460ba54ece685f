"""What is said of a mapping that has ended, and of one without a lifetime."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.middlebox.compare import NEXT_PORT, BehaviorComparison, compare
from lab.middlebox.measurement import EndedMapping, IdleSurvival, Measurement, NextPort
from lab.model.middlebox import FilteringBehavior, Hairpinning, MappingBehavior, Middlebox, PortAssignment
from lab.units import Seconds

PRESERVES = Middlebox(name="box")
RANDOM = replace(PRESERVES, port_assignment=PortAssignment.NO_PRESERVATION)
SHOWN = Measurement(
    established=IdleSurvival(alive=1000.0, dead=None),
    transitory=IdleSurvival(alive=239.0, dead=241.0),
    udp=IdleSurvival(alive=299.0, dead=301.0),
    udp_one_way=IdleSurvival(alive=299.0, dead=301.0),
    refresh_direction=None,
    refreshing_segments=None,
    lifetime=IdleSurvival(alive=3600.0, dead=None),
    ended=(),
    met=None,
    mapping=MappingBehavior.ENDPOINT_INDEPENDENT,
    filtering=FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT,
    port_assignment=PortAssignment.PRESERVATION,
    hairpinning=Hairpinning.UNSUPPORTED,
    sip_alg=(),
)


def _of(behavior: str, claim: Middlebox, shown: Measurement) -> BehaviorComparison:
    (one,) = (each for each in compare(claim, shown) if each.behavior == behavior)
    return one


def _ended(*ports: NextPort, enters: bool = False) -> Measurement:
    ends = zip(("timer", "lifetime"), ports, strict=False)
    return replace(SHOWN, ended=tuple(EndedMapping(end=end, enters=enters, next_port=port) for end, port in ends))


@pytest.mark.parametrize(
    ("claim", "shown", "said", "agrees"),
    [
        (PRESERVES, _ended(NextPort.INSIDE), "preserved", True),
        (PRESERVES, _ended(NextPort.ANOTHER), "another", False),
        (PRESERVES, _ended(NextPort.INSIDE, enters=True), "preserved, and the old one still lets in", False),
        (RANDOM, _ended(NextPort.ANOTHER, NextPort.ANOTHER), "another", True),
        (RANDOM, _ended(NextPort.BEFORE), "the one before", False),
        (RANDOM, _ended(NextPort.ANOTHER, NextPort.BEFORE),
         "another after its timer, the one before after its lifetime",
         False),
        (RANDOM, SHOWN, "", None),
    ],
)  # fmt: skip
def test_next_port(claim: Middlebox, shown: Measurement, said: str, agrees: bool | None) -> None:
    """The next mapping's port is what the rule says, whatever ended the one before; the old one lets nothing in."""
    one = _of(NEXT_PORT, claim, shown)
    assert (one.shown, one.agrees) == (said, agrees)


@pytest.mark.parametrize(
    ("lifetime", "lived", "agrees"),
    [
        (None, IdleSurvival(alive=3600.0, dead=None), True),
        (None, IdleSurvival(alive=59.0, dead=3600.0), False),
        (Seconds(60), IdleSurvival(alive=59.0, dead=61.0), True),
        (Seconds(60), IdleSurvival(alive=61.0, dead=None), False),
    ],
)
def test_lifetime(lifetime: Seconds | None, lived: IdleSurvival, agrees: bool) -> None:
    """A mapping that is said to have no lifetime is looked at, too."""
    assert _of("lifetime", replace(PRESERVES, lifetime=lifetime), replace(SHOWN, lifetime=lived)).agrees is agrees
