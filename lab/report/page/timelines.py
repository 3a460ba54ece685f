"""Makes the timeline of a cell for the page."""

from __future__ import annotations

from typing import Any

from lab.engine.cell_run import CellRun
from lab.errors import ScenarioError
from lab.model.outcome import Outcome
from lab.timeline.build import timeline
from lab.timeline.document import as_json


def timeline_of(each: CellRun, outcome: Outcome) -> dict[str, Any] | None:
    """Return the timeline of the record that shows the verdict, as JSON values; None: there is no record."""
    try:
        decisive = each.decisive
        if not decisive.evidence.entries:
            return None
        return as_json(timeline(decisive.evidence, () if decisive is not each else outcome.tried))
    except ScenarioError:  # damaged, which the cell's verdict says
        return None
