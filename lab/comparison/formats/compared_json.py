"""Writes a comparison as JSON, for programs. docs/compare.md documents its versioned format."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

from lab import __version__
from lab.comparison.changes import Change, Direction, Kind
from lab.comparison.compare import CellComparison, Comparison
from lab.comparison.gate import fails
from lab.comparison.side import Side
from lab.visible_text import all_visible

OPTION = "json"
FORMAT = 1


def render(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Return the document."""
    kinds = frozenset(fail_on)
    directions = [each.direction(kinds) for each in comparison.cells]
    document = {
        "format": FORMAT,
        "lab": __version__,
        "a": _side(comparison.a),
        "b": _side(comparison.b),
        "tolerance": {"cost": comparison.tolerances.cost, "time_s": comparison.tolerances.time_s},
        "fail_on": [kind.value for kind in Kind if kind in kinds],
        "fails": bool(comparison.failing(kinds)),
        "counts": {
            **{each.value: directions.count(each) for each in Direction},
            "same": directions.count(None),
        },
        "notes": list(comparison.notes),
        "cells": [_cell(each, kinds) for each in comparison.cells],
    }
    return json.dumps(all_visible(document), indent=2) + "\n"


def _side(side: Side) -> dict[str, Any]:
    return {
        "name": side.name,
        "scenario": side.scenario,
        "lab": side.lab,
        "clock": side.clock,
        "finished": side.finished,
        "cells": len(side.cells),
    }


def _cell(cell: CellComparison, kinds: frozenset[Kind]) -> dict[str, Any]:
    a, b, direction = cell.match.a, cell.match.b, cell.direction(kinds)
    return {
        "name": cell.name,
        "axes_a": None if a is None else a.axes,
        "axes_b": None if b is None else b.axes,
        "verdict_a": None if a is None else a.word,
        "verdict_b": None if b is None else b.word,
        "direction": "same" if direction is None else direction.value,
        "fails": bool(cell.failing(kinds)),
        "changes": [_change(each, kinds) for each in cell.changes],
    }


def _change(change: Change, kinds: frozenset[Kind]) -> dict[str, Any]:
    a, b = change.numbers or (None, None)
    return {
        "kind": change.kind.value,
        "direction": change.direction.value,
        "fails": fails(change, kinds),
        "what": change.what,
        "before": change.before,
        "after": change.after,
        "why": change.why,
        "a": _finite(a),
        "b": _finite(b),
        "noise": _finite(change.noise),
    }


def _finite(value: float | None) -> float | None:
    """Return a number that JSON has."""
    return value if value is not None and math.isfinite(value) else None
