"""Imports the captures of many cells of the library, runs the scenarios, and prints which end as the cells did."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.round_trip import of, trips
from tests.e2e.together import Cells, run_together

pytestmark = [pytest.mark.bench, pytest.mark.virtual, pytest.mark.timeout(1800)]

SCENARIOS = ROOT / "scenarios"
STRATEGIES = ("none", "hold-transport", "options-ping-25s")
MANY = (
    Cells(SCENARIOS / "article" / "all.yaml", only=tuple(f"strategy={name}" for name in STRATEGIES)),
    *(
        Cells(SCENARIOS / "field" / f"{name}.yaml")
        for name in ("sipdroid-72", "opensips-1861", "kamailio-2564", "phoneblock-440")
    ),
)
AT_LEAST = 30
"""Cells that must come back with the same verdict and cause (issue 17); docs/import.md says which do not, and why."""


def test_round_trip(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table of all cells, and how many came back."""
    (tmp_path / "cells").mkdir()
    (tmp_path / "trips").mkdir()
    virtually = run_together(MANY, tmp_path / "cells")
    done = list(trips([each for which in MANY for each in of(virtually, which)], tmp_path / "trips"))
    same = [trip for trip in done if trip.same]
    with capsys.disabled():
        print()
        for trip in done:
            others = ", ".join(each.hypothesis.name for each in trip.imported.scenarios[1:])
            print(
                "same" if trip.same else "DIFFERS",
                trip.name,
                *trip.before,
                "->",
                *trip.after,
                *trip.outside,
                f"({others})",
            )
        print(f"{len(same)} of {len(done)} cells come back with verdict and cause, timers inside the bracket")
    assert len(same) >= AT_LEAST
