"""Records of real runs, held against what was not the case: none of them may pass."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from lab.judge.verdict import judge
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.runner import cell_file
from lab.units import Seconds
from tests.e2e.together import Cells, Virtually

SCENARIO = """\
title: A NAT that forgets nothing
topology: home-nat
middlebox: { name: patient, udp-mapping-timer: 1 h }
transport: udp
matrix: { strategy: [none, udp-keepalive-15s] }
probes: [{ at: 45 s }, { at: 150 s }]
ends: 156 s
"""

PATIENT = Cells(SCENARIO, name="patient")

pytestmark = [pytest.mark.e2e, pytest.mark.cells(PATIENT)]


@pytest.fixture(scope="module")
def cells(virtually: Virtually) -> dict[str, Path]:
    """The folders of the cells, which pass."""
    seen = virtually(PATIENT)
    assert seen.status == 0, seen.said
    assert set(seen.cells) == {"none", "udp-keepalive-15s"}
    return {name: seen.folder(name) for name in seen.cells}


def verdict(folder: Path, **changes: object) -> tuple[Verdict, str]:
    """What a record shows of a cell that differs from the one that was run."""
    cell: Cell = dataclasses.replace(cell_file.read(folder), **changes)  # type: ignore[arg-type]
    outcome = judge(Evidence(cell, reader.read(folder / FILE_NAME, cell)))
    return outcome.verdict, outcome.doubt


def test_as_they_were_run(cells: dict[str, Path]) -> None:
    """Both pass."""
    assert {verdict(folder) for folder in cells.values()} == {(Verdict.PASS, "")}


def test_a_udp_timer_that_is_not_in_force(cells: dict[str, Path]) -> None:
    """The sentinel's flows are TCP and see nothing of it; the probe's own flow does, unless it was kept alive."""
    ((node, box),) = cell_file.read(cells["none"]).middleboxes
    hasty = dataclasses.replace(box, udp_mapping_timer=Seconds(60))
    found, doubt = verdict(cells["none"], middleboxes=((node, hasty),))
    assert found is Verdict.INCONCLUSIVE
    assert doubt.startswith("middlebox home-nat let a packet in after 105.0 s of silence, its timer is 60 s")
    assert verdict(cells["udp-keepalive-15s"], middleboxes=((node, hasty),)) == (Verdict.PASS, "")


def test_a_probe_at_another_time(cells: dict[str, Path]) -> None:
    """It is not the one the scenario asks for."""
    first, second = cell_file.read(cells["none"]).probes
    later = (first, dataclasses.replace(second, at=Seconds(147)))
    assert verdict(cells["none"], probes=later) == (
        Verdict.INCONCLUSIVE,
        "probe p2 was sent at 150.0 s, not at 147 s",
    )
