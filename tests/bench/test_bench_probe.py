"""Measures every profile of the catalog, and middleboxes drawn by lot, with ``lab probe``: all come out as built.

Printed: how long each took. Ten minutes on two idle processors.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from lab.loader import catalog
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
from lab.nat_probe import findings
from lab.units import Seconds
from tests.contract.in_guests import in_guests
from tests.e2e.lab_command import run

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600)]

DRAWN = 30
LONGEST_S = 700.0
LATE_S = 5
"""A lifetime is longer than the other timers by more than it takes to make a flow an answered one."""


def drawn(chance: random.Random, name: str) -> Middlebox:
    """A middlebox of any behaviors, with timers that can be told apart within `LONGEST_S`."""
    timers = [Seconds(round(10 ** chance.uniform(0.9, 2.6))) for _ in range(4)]  # 8 s to 398 s
    lifetime = Seconds(max(timers) + LATE_S + chance.randrange(100)) if chance.random() < 0.4 else None
    return Middlebox(
        name=name,
        established_idle_timeout=timers[0],
        transitory_timeout=timers[1],
        forgotten=chance.choice(list(ForgottenFlow)),
        udp_mapping_timer=timers[2],
        udp_one_way_timer=timers[3],
        refresh_direction=chance.choice(list(RefreshDirection)),
        refreshing_segments=chance.choice(list(RefreshingSegments)),
        lifetime=lifetime,
        mapping=chance.choice(list(MappingBehavior)),
        filtering=chance.choice(list(FilteringBehavior)),
        port_assignment=chance.choice(list(PortAssignment)),
        hairpinning=chance.choice(list(Hairpinning)),
        sip_alg=tuple(alg for alg in SipAlg if chance.random() < 0.4),
    )


def test_the_catalog(tmp_path: Path) -> None:
    """All profiles agree in all that can be seen."""
    done = run("middlebox", "test", "--all", "--outside", "--clock", "virtual", "--json", home=tmp_path)
    told = {box["name"]: box for box in json.loads(done.stdout)["middleboxes"]}
    assert sorted(told) == catalog.middlebox_names()
    assert {name: box for name, box in told.items() if not box.get("agrees")} == {}
    assert done.returncode == 0


def test_drawn_by_lot(tmp_path: Path) -> None:
    """Whatever a middlebox does, it is found; the seed stands in the name of what differs."""
    seed = random.randrange(10**6)
    boxes = [drawn(random.Random(seed + number), f"seed-{seed + number}") for number in range(DRAWN)]
    requests = [OutsideRequest(boxes=(box,), longest=LONGEST_S) for box in boxes]
    places = in_guests(JOB_OUTSIDE, requests, tmp_path, file=QUESTION_FILE)
    wrong = {
        (box.name, each.behavior): (each.claimed, each.shown)
        for box, place in zip(boxes, places, strict=True)
        for each in compare_outside(box, findings.load(place / FINDINGS_FILE, SERVER))
        if each.agrees is False
    }
    assert wrong == {}
