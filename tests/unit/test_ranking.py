"""Ranking: figures over a population, the front, and the recommendation, from outcomes made by hand."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabFault, ScenarioError
from lab.model.outcome import Outcome
from lab.model.scenario import Scenario
from lab.model.verdict import Verdict
from lab.ranking import document, front
from lab.ranking.candidates import Candidate, candidates, weighted_median
from lab.ranking.constraints import Constraints
from lab.ranking.ranking import Ranking, rank, weights_of
from lab.ranking.recommendation import CHEAPEST, MOST_REACHED, NO_CONSTRAINTS
from lab.ranking.tallies import Reach, Tally, tally
from lab.ranking.words import listed, percent, seconds
from tests.records import cell
from tests.runs import run_of
from tests.unit.ranking_figures import NOTHING, WEIGHTS, costing, one, strategy


def ranked(*found: list[Tally], **demanded: Any) -> Ranking:
    return rank([each for those in found for each in those], WEIGHTS, Constraints(**demanded), Path("runs/x"))


def only(found: list[Tally]) -> Candidate:
    (candidate,) = candidates(found, dict(WEIGHTS))
    return candidate


# The figures


def test_all_failures_must_pass() -> None:
    """A middlebox counts if each failure passes behind it; for each failure alone there is its own share."""
    found = only(
        [
            one("s", "home"),
            one("s", "home", failure="evicted"),
            one("s", "cgn"),
            one("s", "cgn", failure="evicted", passed=False),
            one("s", "cell", passed=False),
            one("s", "cell", failure="evicted"),
        ]
    )
    assert (found.share, found.unknown, found.lost) == (55.0, 0.0, ("cgn", "cell"))
    assert dict(found.by_failure) == {"idle": 85.0, "evicted": 70.0}


def test_what_is_unknown_is_not_reached() -> None:
    """It has a share of its own; a cell that failed decides, whatever is unknown besides."""
    found = only(
        [
            one("s", "home"),
            one("s", "home", failure="evicted", passed=None),
            one("s", "cgn", passed=None),
            one("s", "cgn", failure="evicted", passed=False),
        ]
    )
    assert (found.share, found.unknown, found.lost, found.doubted) == (0.0, 70.0, ("cgn",), ("home", "cell"))
    assert found.doubt == "inconclusive: d"


def test_costs_are_weighted_means() -> None:
    """Of the middleboxes for which they are known, and of the failures behind each; the worst is of one cell."""
    found = only(
        [
            one("s", "home", metrics=costing(100.0, delivered=1)),
            one("s", "home", failure="evicted", metrics=costing(120.0)),
            one("s", "cgn", metrics=costing(50.0, lost=None)),
            one("s", "cell", passed=None),
        ]
    )
    assert found.wakeups is not None
    assert found.wakeups.mean == pytest.approx((55 * 110 + 30 * 50) / 85)
    assert found.wakeups.worst == 120.0
    assert found.missed == pytest.approx(100 * (55 * 0.25) / 85)


def test_outages() -> None:
    """The worst is of all cells; the typical one is the weighted median of the middleboxes' longest."""
    found = only(
        [
            one("s", "home", outage_s=3.0),
            one("s", "home", failure="evicted", outage_s=30.0),
            one("s", "cgn", outage_s=4.0),
            one("s", "cell", passed=False),
        ]
    )
    assert found.worst_outage_s == math.inf
    assert found.typical_outage_s == 30.0  # 4 s of 30 %, 30 s of 55 %, to the end of 15 %
    assert only([one("s", "home", passed=None)]).worst_outage_s is None


@pytest.mark.parametrize(
    ("values", "median"),
    [
        ([(1.0, 1.0)], 1.0),
        ([(1.0, 50.0), (2.0, 50.0)], 1.0),
        ([(1.0, 49.0), (2.0, 51.0)], 2.0),
        ([(5.0, 20.0), (1.0, 30.0), (3.0, 50.0)], 3.0),
        ([(value, 100 / 3) for value in (1.0, 2.0, 3.0)], 2.0),
        ([], None),
    ],
)
def test_weighted_median(values: list[tuple[float, float]], median: float | None) -> None:
    assert weighted_median(values) == median


def outcome(verdict: Verdict, doubt: str = "") -> Outcome:
    return Outcome(
        verdict=verdict, cause=None, doubt=doubt, metrics=NOTHING, probes=(), claim_holds=None, claim_text=""
    )


def test_what_a_cell_says() -> None:
    """Labels other than middlebox and failure are the candidate; errors and doubts are unknown, with their reason."""
    axes = (("strategy", "s"), ("transport", "tls"), ("middlebox", "cgn"), ("failure", "idle"))
    subject = dataclasses.replace(cell(), axes=axes)
    found = tally(subject, outcome(Verdict.PASS), 3.0)
    assert (found.candidate, found.middlebox, found.failure) == ("s, tls", "cgn", "idle")
    assert (found.reach, found.outage_s) == (Reach.REACHED, 3.0)
    assert tally(subject, outcome(Verdict.FAIL), math.inf).reach is Reach.LOST
    for result in (outcome(Verdict.INCONCLUSIVE, "why"), outcome(Verdict.UNSUPPORTED, "why"), LabFault("why\nelse")):
        doubted = tally(subject, result, None)
        assert (doubted.reach, doubted.metrics) == (Reach.UNKNOWN, None)
        assert doubted.doubt.endswith("why")
    assert tally(dataclasses.replace(cell(), axes=(("middlebox", "cgn"),)), LabFault("x"), None).candidate == "none"


# The front


def test_front() -> None:
    """Who is beaten is named with who beats it; whoever reaches nobody is on no front, however cheap."""
    found = ranked(
        strategy("all", "home cgn cell", wakeups=144),
        strategy("dear", "home cgn cell", wakeups=145),
        strategy("some", "home", wakeups=42),
        strategy("same", "home", wakeups=42),
        strategy("dead", "", wakeups=1),
    )
    assert [each.name for each in found.front] == ["all", "same", "some"]
    assert found.dominated_by == {"dear": "all"}
    assert [each.name for each in found.candidates] == ["all", "dear", "same", "some", "dead"]


@pytest.mark.parametrize(
    "better", [{"wakeups": 59.0}, {"size": 9000.0}, {"outage": 10.0}, {"reached": "home cgn cell"}]
)
def test_each_figure_counts(better: dict[str, Any]) -> None:
    """Better in one is enough, if nothing is worse; better in one and worse in another is not."""
    plain: dict[str, Any] = {"reached": "home cgn", "wakeups": 60.0, "size": 10_000.0, "outage": 0.0}
    plain["outage"] = 20.0
    first, other = (only_whole("a", **{**plain, **better}), only_whole("b", **plain))
    assert front.dominates(first, other)
    assert not front.dominates(other, first)
    worse = {"wakeups": 61.0} if "wakeups" not in better else {"size": 11_000.0}
    assert not front.dominates(only_whole("a", **{**plain, **better, **worse}), other)


def only_whole(name: str, reached: str, **figures: float) -> Candidate:
    """A strategy whose middleboxes are out of reach for equally long, reached or not."""
    found = [dataclasses.replace(each, outage_s=figures["outage"]) for each in strategy(name, reached, **figures)]
    return only(found)


def test_differences_that_are_not_shown_do_not_count() -> None:
    one_run, another = (only(strategy("s", "home", wakeups=w, size=s)) for w, s in ((60.0, 10_000.0), (60.2, 10_400.0)))
    assert not front.dominates(one_run, another)
    assert not front.dominates(another, one_run)


def test_what_is_unknown_is_not_beaten_by_what_it_might_reach() -> None:
    """It does not count as reached, and it is not said to be worse than what it could still equal."""
    doubtful = [*strategy("maybe", "home", wakeups=60)[:1], one("maybe", "cgn", passed=None), one("maybe", "cell")]
    found = ranked(strategy("sure", "home cell", wakeups=50), doubtful)
    assert "maybe" not in found.dominated_by
    assert found.recommendation.chosen is not None
    assert found.recommendation.chosen.name == "sure"


# The recommendation

SOME = (
    strategy("watchdog", "home cgn cell", wakeups=145, size=47_000, outage=30),
    strategy("pings", "home cgn", wakeups=118, size=30_000),
    strategy("hold", "home", wakeups=42, size=24_000),
    strategy("dead", "", wakeups=12),
)


@pytest.mark.parametrize(
    ("demanded", "chosen", "rule"),
    [
        ({}, "watchdog", NO_CONSTRAINTS),
        ({"reach": 80.0}, "pings", CHEAPEST),
        ({"reach": 85.0}, "pings", CHEAPEST),
        ({"reach": 85.1}, "watchdog", CHEAPEST),
        ({"reach": 1.0}, "hold", CHEAPEST),
        ({"wakeups": 120.0}, "pings", MOST_REACHED),
        ({"packets": 3 * 42.0}, "hold", MOST_REACHED),
        ({"bytes": 29_999.0}, "hold", MOST_REACHED),
        ({"outage_s": 30.0}, "watchdog", MOST_REACHED),
        ({"outage_s": 30.0, "reach": 50.0}, "watchdog", CHEAPEST),
    ],
)
def test_recommended(demanded: dict[str, float], chosen: str, rule: str) -> None:
    """Each constraint that is given changes the answer. `pings` and `hold` lose some clients for ever."""
    found = ranked(*SOME, **demanded).recommendation
    assert found.chosen is not None
    assert (found.chosen.name, found.rule) == (chosen, rule)
    assert found.reason.startswith(f"{chosen}: reaches ")


def test_the_reason() -> None:
    found = ranked(*SOME, reach=80.0).recommendation
    assert found.reason == (
        "pings: reaches 85 % of the population (all but cell) at 118 wake-ups/h and 30 kB/h, at worst out of"
        " reach until the end; hold, which is cheaper, reaches 55 %"
    )
    assert [each.partition(":")[0] for each in found.others] == ["watchdog", "hold"]
    limited = ranked(*SOME, outage_s=30.0).recommendation.reason
    assert "pings is cheaper but out of reach to the end, hold is cheaper but" in limited
    assert ranked(*SOME, reach=1.0).recommendation.reason.endswith("nothing cheaper reaches anybody")


def test_nothing_keeps_all_constraints() -> None:
    """What misses the fewest comes nearest, and of these what misses them by least; what binds is named."""
    found = ranked(*SOME, reach=97.0, wakeups=120.0).recommendation
    assert found.chosen is None
    assert found.nearest is not None
    assert found.nearest.name == "pings"  # 12 % too few reached; watchdog: 21 % too many wake-ups
    assert found.binding == ("--reach 97%",)
    assert "it keeps `--at-most wakeups=120/h`" in found.reason
    assert ranked(*SOME, reach=97.0, wakeups=140.0).recommendation.binding == ("--at-most wakeups=140/h",)
    none = ranked(*SOME, outage_s=0.0, wakeups=1.0).recommendation
    assert none.binding == ("--outage 0s", "--at-most wakeups=1/h")


def test_nobody_is_reached() -> None:
    """Then there is nothing to ship, with constraints or without."""
    found = ranked(strategy("dead", "", wakeups=1))
    assert (found.recommendation.chosen, found.front) == (None, ())
    assert found.recommendation.reason == "no strategy reaches anybody"


def test_unknown_costs_keep_no_limit() -> None:
    lost = [one("s", box, metrics=None, outage_s=None) for box, _ in WEIGHTS]
    assert ranked(lost, wakeups=1000.0).recommendation.chosen is None
    assert ranked(lost, outage_s=1000.0).recommendation.chosen is None


# A run's population


def a_run(*boxes: str, population: tuple[tuple[str, float], ...] = ()) -> Any:
    cells = [dataclasses.replace(cell(), axes=(("middlebox", box),) if box else ()) for box in boxes]
    scenario = Scenario(
        name="s", file="s.yaml", text="", title="t", why="", source="", cells=tuple(cells), population=population
    )
    return run_of(scenario, [(each, outcome(Verdict.UNSUPPORTED, "d")) for each in cells])


def test_whose_weights() -> None:
    """Those given, else the scenario's, else equal ones; nothing is hidden, and all add up to 100 %."""
    mine = (("home", 80.0), ("cgn", 20.0))
    assert weights_of(a_run("home", "cgn")) == (("home", 50.0), ("cgn", 50.0))
    assert weights_of(a_run("home", "cgn", population=mine)) == mine
    assert weights_of(a_run("home", "cgn", population=mine), (("cgn", 100.0),)) == (("cgn", 100.0),)
    assert weights_of(a_run("")) == (("", 100.0),)
    with pytest.raises(ScenarioError, match="did you mean `home`"):
        weights_of(a_run("home", "cgn"), (("hom", 100.0),))


def test_the_document() -> None:
    """JSON has no infinity: an outage to the end is a word."""
    found = document.document(ranked(*SOME, reach=97.0))
    assert found["recommendation"]["strategy"] == "watchdog"
    assert found["constraints"]["reach"] == 97.0
    assert [(each["name"], each["on_front"], each["worst_outage_s"]) for each in found["strategies"]] == [
        ("watchdog", True, 30.0),
        ("pings", True, "end"),
        ("hold", True, "end"),
        ("dead", False, "end"),
    ]


def test_words() -> None:
    assert [percent(share) for share in (97.0, 33.333, 99.99, 100.0, 0.0)] == [
        "97 %",
        "33.3 %",
        "99.9 %",
        "100 %",
        "0 %",
    ]
    assert [seconds(value) for value in (0.0, 0.2, 29.6, math.inf, None)] == [
        "none",
        "< 1 s",
        "30 s",
        "to the end",
        "unknown",
    ]
    assert listed("abcdefg") == "a, b, c, d, e and 2 more"
