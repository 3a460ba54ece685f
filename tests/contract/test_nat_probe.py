"""``lab probe`` behind the lab's own middleboxes: its two programs find what was built, in virtual time.

All profiles of the catalog: `lab middlebox test --all --outside` (``tests/bench/test_bench_probe.py``).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from lab.loader.topologies import read_topology
from lab.middlebox.compare_outside import compare_outside
from lab.middlebox.ends import SERVER
from lab.middlebox.measure_outside import FINDINGS_FILE, QUESTION_FILE, OutsideRequest
from lab.middlebox.measure_profiles import JOB_OUTSIDE
from lab.model.middlebox import (
    FilteringBehavior,
    ForgottenFlow,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)
from lab.nat_probe import findings, profile
from lab.nat_probe.findings import Findings
from lab.units import Seconds
from lab.worlds.clock import Clock
from tests.contract.in_guests import in_guests, in_worlds

pytestmark = [pytest.mark.kernel, pytest.mark.xdist_group("nat-probe")]

ODD = Middlebox(
    name="odd",
    established_idle_timeout=Seconds(61),
    transitory_timeout=Seconds(41),
    forgotten=ForgottenFlow.RST_TO_BOTH,
    udp_mapping_timer=Seconds(33),
    udp_one_way_timer=Seconds(45),
    refresh_direction=RefreshDirection.OUTBOUND,
    refreshing_segments=RefreshingSegments.DATA,
    lifetime=Seconds(95),
    mapping=MappingBehavior.ADDRESS_DEPENDENT,
    filtering=FilteringBehavior.ADDRESS_DEPENDENT,
    port_assignment=PortAssignment.NO_PRESERVATION,
    hairpinning=Hairpinning.EXTERNAL_SOURCE,
    sip_alg=(SipAlg.TCP,),
)
"""Nothing is as it is by default."""

NEW_PORT = Middlebox(
    name="new-port", established_idle_timeout=Seconds(20), transitory_timeout=Seconds(20),
    forgotten=ForgottenFlow.REPICKUP_NEW_PORT, udp_mapping_timer=Seconds(20),
)  # fmt: skip
SLOW, FAST = (
    Middlebox(
        name=name, established_idle_timeout=Seconds(timer), transitory_timeout=Seconds(timer),
        udp_mapping_timer=Seconds(timer),
    )
    for name, timer in (("slow", 50), ("fast", 20))
)  # fmt: skip
LONGEST_S = 100.0
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Findings]:
    """What was found behind each."""
    cgn = read_topology(ROOT / "topologies" / "cgn.yaml", "cgn", [])
    requests: dict[str, OutsideRequest] = {
        "odd": OutsideRequest(boxes=(ODD,), longest=LONGEST_S),
        "new port": OutsideRequest(boxes=(NEW_PORT,), longest=30),
        "poor helper": OutsideRequest(boxes=(NEW_PORT,), longest=30, second_address=False, privileged=False),
        "slow, then fast": OutsideRequest(boxes=(SLOW, FAST), topology=cgn, longest=100, interrupt=40.0),
    }
    folder = tmp_path_factory.mktemp("probe")
    places = in_guests(JOB_OUTSIDE, list(requests.values()), folder, file=QUESTION_FILE)
    return {name: findings.load(place / FINDINGS_FILE, SERVER) for name, place in zip(requests, places, strict=True)}


def differences(claim: Middlebox, kept: Findings) -> dict[str, tuple[str, str]]:
    """Each behavior that was found to be another, or was not found."""
    return {
        each.behavior: (each.claimed, each.shown)
        for each in compare_outside(claim, kept)
        if not each.agrees and each.behavior != "port_after_expiry"
    }


@pytest.mark.virtual
def test_each_behavior_is_found(found: dict[str, Findings]) -> None:
    """Of a middlebox that does nothing as the default: every value, and all of it measured."""
    assert differences(ODD, found["odd"]) == {}
    assert {grade.value for grade in profile.grades(found["odd"]).values()} == {"measured"}
    assert "must refresh" in found["odd"].facts["stateful-hops"]["unsure"]
    assert found["odd"].facts["fragments"] == {"out": True, "in": True}
    assert found["odd"].facts["ports"]["manner"] == "random"


@pytest.mark.virtual
def test_a_helper_as_root_sees_a_new_port(found: dict[str, Findings]) -> None:
    """One with two addresses knows all; one with one address and no root says what it cannot tell apart."""
    assert differences(NEW_PORT, found["new port"]).keys() <= {"lifetime"}
    assert profile.profile(found["new port"], "x").forgotten is ForgottenFlow.REPICKUP_NEW_PORT
    poor = found["poor helper"]
    assert profile.profile(poor, "x").forgotten is ForgottenFlow.RST_TO_INSIDE
    assert "repickup-on-new-port" in poor.facts["forgotten"]["unsure"]
    assert "one address only" in poor.facts["mapping"]["unsure"]
    assert profile.grades(poor)["forgotten"].value == "assumed"
    assert profile.grades(poor)["translation"].value == "assumed"


@pytest.mark.virtual
def test_two_nats_in_a_row(found: dict[str, Findings]) -> None:
    """It says so, with their hops; the timers are those of the faster. The measurement was interrupted, and went on."""
    kept = found["slow, then fast"]
    assert kept.facts["several-nats"] == "hops 1 and 2 hold state"
    assert kept.facts["stateful-hops"]["idle"] == {"1": 81.5, "2": 21.5}  # each longer than that hop's timer
    assert kept.facts["path"] == ["10.0.0.1", "100.64.0.1", "198.51.100.1"]
    assert kept.brackets["udp-answered"].timer == kept.brackets["tcp-established"].timer == 20
    assert any("Several NATs in a row" in remark for remark in profile.remarks(kept))


@pytest.mark.virtual
def test_one_nat_is_one(found: dict[str, Findings]) -> None:
    """No sign of a second where there is none."""
    assert found["new port"].facts["several-nats"] == ""
    assert found["new port"].facts["stateful-hops"]["value"] == [1]


@pytest.mark.skipif(shutil.which("turnserver") is None, reason="coturn is not installed")
@pytest.mark.parametrize("preserves", [True, False])
def test_any_stun_server_knows_the_translation(tmp_path: Path, *, preserves: bool) -> None:
    """Coturn's answers (RFC 5780) lead to the mapping, filtering, ports and hairpinning that were built.

    In real time: coturn never sleeps, so a guest's clock would stand still.
    """
    box = Middlebox(name="x", filtering=FilteringBehavior.ENDPOINT_INDEPENDENT) if preserves else ODD
    request = OutsideRequest(boxes=(box,), longest=1, stun=True)
    (place,) = in_worlds(JOB_OUTSIDE, [request], tmp_path, file=QUESTION_FILE, clock=Clock.REAL)
    facts: dict[str, Any] = findings.load(place / FINDINGS_FILE, SERVER).facts
    assert {question: facts[question]["value"] for question in facts} == {
        "mapping": box.mapping.value,
        "filtering": box.filtering.value,
        "ports": box.port_assignment.value,
        "hairpinning": box.hairpinning.value,
    }
