"""Formats a ranking as JSON values, for ``rank.json`` (docs/rank.md)."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from lab import __version__
from lab.ranking.candidates import Candidate
from lab.ranking.ranking import Ranking

FILE = "rank.json"
FORMAT = 1


def document(ranking: Ranking) -> dict[str, Any]:
    """Return a ranking as JSON values; shares are percent, times seconds.

    An outage to the end of a run is `end`, the ringing of a missed call `missed`.
    """
    best = {each.name for each in ranking.front}
    advice = ranking.recommendation
    return {
        "format": FORMAT,
        "lab": __version__,
        "population": dict(ranking.population),
        "constraints": dataclasses.asdict(ranking.constraints),
        "recommendation": {
            "strategy": None if advice.chosen is None else advice.chosen.name,
            "nearest": None if advice.nearest is None else advice.nearest.name,
            "binding": list(advice.binding),
            "rule": advice.rule,
            "reason": advice.reason,
            "others": list(advice.others),
        },
        "strategies": [_candidate(each, best, ranking) for each in ranking.candidates],
    }


def _candidate(each: Candidate, best: set[str], ranking: Ranking) -> dict[str, Any]:
    plain = dataclasses.asdict(each)
    plain["by_failure"] = dict(each.by_failure)
    for key in ("worst_outage_s", "typical_outage_s"):
        plain[key] = _outage(plain[key])
    plain["ringing_s"] = "missed" if plain["ringing_s"] == math.inf else plain["ringing_s"]
    return {**plain, "on_front": each.name in best, "dominated_by": ranking.dominated_by.get(each.name)}


def _outage(value: float | None) -> float | str | None:
    if value is None:
        return None
    return "end" if math.isinf(value) else round(value, 3)
