"""Ranking by when calls ring, from figures made by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from lab.cli.rank_table import show
from lab.model.outcome import DeviceMetrics, Metrics
from lab.model.verdict import Verdict
from lab.ranking import document
from lab.ranking.candidates import candidates
from lab.ranking.constraints import Constraints
from lab.ranking.ranking import Ranking, rank
from lab.ranking.tallies import tally
from tests.records import cell, judged
from tests.unit.ranking_figures import WEIGHTS, costing, one

DEVICE = DeviceMetrics(
    calls=4,
    missed=0,
    ringing_s=(),
    ringing_p50_s=None,
    ringing_worst_s=None,
    pushes=0,
    app_wakeups_per_hour=None,
    radio_wakeups_per_hour=1.0,
    registrations_per_day=None,
    observed_s=3600.0,
)


def ringing(after: float | None, wakeups: float, **fields: Any) -> Metrics:
    return costing(wakeups, device=replace(DEVICE, ringing_worst_s=after, **fields))


def ranked(*found: tuple[str, Metrics], **demanded: Any) -> Ranking:
    rows = [one(name, box, metrics=metrics) for name, metrics in found for box, _ in WEIGHTS]
    return rank(rows, WEIGHTS, Constraints(**demanded), Path("runs/x"))


SLOW, QUICK = ("slow", ringing(8.0, 2.0)), ("quick", ringing(0.4, 30.0))


def test_the_cheapest_that_rings_in_time() -> None:
    """The limit decides between the cheap one and the one that rings; without it the cheap one is shipped."""
    assert ranked(SLOW, QUICK, reach=97.0).recommendation.chosen == ranked(SLOW, reach=97.0).candidates[0]
    advice = ranked(SLOW, QUICK, reach=97.0, ring=5.0).recommendation
    assert advice.chosen is not None
    assert advice.chosen.name == "quick"
    assert "slow is cheaper but rings after 8.0 s at worst" in advice.reason


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        (ringing(8.0, 2.0), "rings after 8.0 s at worst (`--at-most ring=5s` binds)"),
        (ringing(0.1, 2.0, missed=1), "misses calls (`--at-most ring=5s` binds)"),
        (ringing(None, 2.0, calls=0), "was not called (`--at-most ring=5s` binds)"),
        (costing(2.0), "was not called (`--at-most ring=5s` binds)"),
    ],
)
def test_what_keeps_no_limit(metrics: Metrics, said: str) -> None:
    """A missed call rings never; a strategy that nobody called proves nothing."""
    advice = ranked(("s", metrics), ring=5.0).recommendation
    assert advice.chosen is None
    assert said in advice.reason


def test_the_worst_of_all_cells() -> None:
    """Of all middleboxes and failures, whatever their shares."""
    rows = [one("s", "home", metrics=ringing(0.1, 1.0)), one("s", "cell", metrics=ringing(3.0, 1.0))]
    (found,) = candidates(rows, dict(WEIGHTS))
    assert found.ringing_s == 3.0
    rows.append(one("s", "cgn", metrics=ringing(0.1, 1.0, missed=2), passed=False))
    (found,) = candidates(rows, dict(WEIGHTS))
    assert found.ringing_s == math.inf


def test_as_json() -> None:
    values = document.document(ranked(QUICK, ("deaf", ringing(0.1, 1.0, missed=1)), ("s", costing(1.0)), ring=5.0))
    assert values["constraints"]["ring"] == 5.0
    assert {each["name"]: each["ringing_s"] for each in values["strategies"]} == {
        "quick": 0.4,
        "deaf": "missed",
        "s": None,
    }


def printed(ranking: Ranking) -> list[str]:
    console = Console(width=140, highlight=False, color_system=None, force_terminal=True)
    with console.capture() as captured:
        show(console, "t", ranking)
    return captured.get().splitlines()


def test_the_table_has_a_column_if_anybody_was_called() -> None:
    _, _, head, _, slow, quick, *_ = printed(ranked(SLOW, QUICK))
    end = head.index(" ring ") + len(" ring")
    assert (slow[end - 5 : end], quick[end - 5 : end]) == ("8.0 s", "0.4 s")
    assert " ring " not in printed(ranked(("s", costing(1.0))))[2]


def test_a_device_is_no_choice() -> None:
    """A strategy must do with each device, as with each failure."""
    axes = (("strategy", "s"), ("device", "ios"), ("failure", "moves"), ("transport", "udp"))
    outcome = replace(judged(cell()), verdict=Verdict.PASS)
    found = tally(replace(cell(), axes=axes), outcome, 0.0)
    assert (found.candidate, found.failure) == ("s, udp", "ios, moves")
    found = tally(replace(cell(), axes=axes[:2]), outcome, 0.0)
    assert (found.candidate, found.failure) == ("s", "ios")
