"""The capture of a cell, imported, gives a scenario whose run ends as the cell did. A cheap sample; bench has more."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.round_trip import of, trips
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

ALL = ROOT / "scenarios" / "article" / "all.yaml"
SAMPLE = Cells(
    ALL,
    only=("strategy=none", "strategy=hold-transport", "failure=nat-silent", "failure=rst", "failure=server-close"),
)


@pytest.mark.cells(SAMPLE)
def test_the_capture_of_a_cell_gives_its_scenario_back(virtually: Virtually, tmp_path: Path) -> None:
    """Same verdict, same cause, timers inside the bracket; nothing in it is the cell's own but what was sent."""
    for trip in trips(of(virtually, SAMPLE), tmp_path):
        assert trip.same, (trip.name, trip.before, trip.after, trip.outside)
