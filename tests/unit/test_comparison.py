"""What counts as a change between two runs, and which changes make a comparison fail."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.comparison.changes import Direction, Kind
from lab.comparison.compare import compare
from lab.comparison.figures import Tolerances
from lab.comparison.gate import FAIL_ON, parse
from lab.engine.run_folder import RunFolder
from lab.errors import ScenarioError
from tests.reports import cell, fail, metrics, seed, side

ALL = frozenset(Kind)


def of(a: dict[str, Any], b: dict[str, Any], **tolerances: float) -> list[tuple[str, str, str]]:
    """Kind, direction and name of each change of one cell."""
    (one,) = compare(side(a), side(b), tolerances=Tolerances(**tolerances))
    return [(each.kind.value, each.direction.value, each.what) for each in one.changes]


def fails(a: dict[str, Any], b: dict[str, Any], fail_on: frozenset[Kind] = FAIL_ON) -> bool:
    return bool(compare(side(a), side(b)).failing(fail_on))


VERDICTS = ("pass", "fail", "inconclusive", "unsupported", None)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(VERDICTS, VERDICTS)))
def test_every_change_of_a_verdict(before: str | None, after: str | None) -> None:
    """The table of docs/compare.md: what each change is, and whether it fails by default."""
    unknown = {"inconclusive", None}
    if before == after:
        expected: list[tuple[str, str, str]] = []
    elif after == "unsupported":
        expected = [("gone", "other" if before in unknown else "worse", "verdict")]
    elif before == "unsupported":
        expected = [("new", "other", "verdict")]
    elif after in unknown:
        expected = [("inconclusive", "other" if before in unknown else "worse", "verdict")]
    elif before in unknown:
        expected = [("verdict", "other", "verdict")]
    else:
        expected = [("verdict", "better" if after == "pass" else "worse", "verdict")]
    a, b = cell(verdict=before), cell(verdict=after)
    assert of(a, b) == expected
    assert fails(a, b) is any(direction == "worse" for _, direction, _ in expected)


def test_a_cell_that_is_gone_or_new() -> None:
    """Cells are found by their labels, in any order; gone fails, new does not unless it is asked for."""
    first, second = cell("x,y", axes={"one": "x", "two": "y"}), cell("x,z", axes={"one": "x", "two": "z"})
    turned = cell("z,x", axes={"two": "z", "one": "x"})
    gone, same = compare(side(first, second), side(turned))
    assert [each.kind for each in gone.changes] == [Kind.GONE]
    assert gone.failing()
    assert same.changes == ()
    comparison = compare(side(turned), side(first, second))
    assert [[each.kind for each in one.changes] for one in comparison] == [[], [Kind.NEW]]
    assert comparison.failing() == []
    assert [each.name for each in comparison.failing({Kind.NEW})] == ["x,y"]


def test_causes() -> None:
    """Another kind, or another time; a time that differs by a second is the same."""
    idle = fail("client-idle-timer", 33.0)
    assert of(idle, fail("middlebox-forgot-flow", 60.0)) == [("cause", "other", "cause")]
    assert of(idle, fail("client-idle-timer", 34.0)) == []
    assert of(idle, fail("client-idle-timer", 34.1)) == [("cause", "better", "client-idle-timer")]
    assert of(idle, fail("client-idle-timer", 20.0)) == [("cause", "worse", "client-idle-timer")]
    assert of(idle, fail("client-idle-timer", 20.0), time_s=13.0) == []
    assert of(idle, fail("server-mute", None)) == [("cause", "other", "cause")]
    assert of(fail("unknown", None), fail("unknown", 3.0)) == []
    assert not fails(idle, fail("server-mute", 20.0))
    assert fails(idle, fail("server-mute", 20.0), frozenset({Kind.CAUSE}))
    assert not fails(idle, fail("client-idle-timer", 60.0), frozenset({Kind.CAUSE}))


def test_outages() -> None:
    """Longer is worse, by more than the tolerance; without an end it lasts until the cell ends."""
    four, closed = (cell(metrics=metrics(outages=[(33.0, to)])) for to in (37.0, 38.0))
    assert of(four, closed) == []
    assert of(four, closed, time_s=0.9) == [("outage", "worse", "longest outage")]
    assert of(closed, four, time_s=0.9) == [("outage", "better", "longest outage")]
    longer = cell(metrics=metrics(outages=[(10.0, 11.0), (33.0, None)]))
    assert of(four, longer) == [("outage", "worse", "longest outage")]
    assert fails(four, longer)
    assert compare(side(four), side(longer)).cells[0].changes[0].numbers == (4.0, 67.0)  # it ends at 100 s


def test_the_end_is_that_of_the_shorter() -> None:
    """An outage to the end is not longer because the other run goes on; an old report does not say when it ended."""
    short, long = (cell(ends_s=ends, metrics=metrics(outages=[(33.0, None)])) for ends in (100.0, 200.0))
    assert of(short, long) == []
    assert "do not last equally long" in " ".join(compare(side(short), side(long)).notes)
    old = cell(ends_s=None, metrics=metrics(outages=[(33.0, None)]))
    assert of(old, old) == []
    assert of(cell(ends_s=None), old) == [("outage", "worse", "longest outage")]


def test_gaps_and_the_share_of_the_time() -> None:
    """Gaps are of probes at weak moments; without such probes nothing is known."""
    whole, gap = ({"at_s": 40.0, "reached": reached, "gap_s": gap} for reached, gap in ((True, None), (False, 8.0)))
    to_the_end, nothing = {**gap, "gap_s": None}, {**gap, "reached": None, "gap_s": None}
    assert of(cell(tried=[whole]), cell(tried=[whole, gap])) == [("outage", "worse", "longest gap")]
    assert of(cell(tried=[to_the_end]), cell(tried=[gap])) == [("outage", "better", "longest gap")]
    assert of(cell(tried=[]), cell(tried=[gap])) == of(cell(tried=[nothing]), cell(tried=[gap])) == []
    share = [cell(reachability={"share": share, "longest_gap_s": 10.0}) for share in (0.9, 0.88, 0.893)]
    assert of(share[0], share[1]) == [("outage", "worse", "reachable")]  # 2 s of 100 s
    assert of(share[1], share[0]) == [("outage", "better", "reachable")]
    assert of(share[0], share[2]) == []
    longer = cell(reachability={"share": 0.9, "longest_gap_s": 12.0})
    assert of(share[0], longer) == [("outage", "worse", "longest gap")]


def test_costs() -> None:
    """Beyond a share, and beyond one exchange more or less; they fail only if that is asked for."""
    usual = cell(metrics=metrics(bytes=100_000))
    assert of(usual, cell(metrics=metrics(bytes=105_000))) == []
    assert of(usual, cell(metrics=metrics(bytes=105_001))) == [("cost", "worse", "bytes/h")]
    assert of(usual, cell(metrics=metrics(bytes=94_999))) == [("cost", "better", "bytes/h")]
    assert of(usual, cell(metrics=metrics(bytes=106_000)), cost=0.06) == []
    usual = cell(metrics=metrics(packets=100))  # an ACK more or less is no difference
    assert of(usual, cell(metrics=metrics(packets=112))) == []
    assert of(usual, cell(metrics=metrics(packets=113))) == [("cost", "worse", "packets/h")]
    assert of(usual, cell(metrics=metrics(packets=113)), cost=0.06) == []
    few = cell(metrics=metrics(packets=8))
    assert of(few, cell(metrics=metrics(packets=12))) == []  # one OPTIONS and its answer
    assert of(few, cell(metrics=metrics(packets=13))) == [("cost", "worse", "packets/h")]
    half = [cell(metrics=metrics(packets=packets, observed=1800.0)) for packets in (8, 16)]
    assert of(*half) == []
    several = cell(metrics=metrics(packets=200, bytes=20_000, wakeups=80, radio=900))
    assert [what for _, _, what in of(usual, several)] == ["packets/h", "bytes/h", "wake-ups/h", "radio s/h"]
    assert not fails(usual, several)
    assert fails(usual, several, frozenset({Kind.COST}))


def test_costs_that_say_nothing() -> None:
    """Estimates are not compared with measurements, and a client that is gone is not cheap."""
    usual, more = cell(metrics=metrics(packets=100)), cell(metrics=metrics(packets=200))
    estimated = cell(metrics=metrics(packets=200, measured=False))
    assert of(usual, estimated) == []
    assert "estimates" in " ".join(compare(side(usual), side(estimated)).notes)
    lost = cell(metrics=metrics(packets=100, lost=True))
    assert of(lost, more) == [("cost", "other", "packets/h")]
    assert not fails(lost, more, ALL)
    assert of(lost, cell(metrics=metrics(packets=200, lost=True))) == [("cost", "worse", "packets/h")]
    assert of(cell(verdict="inconclusive", metrics=metrics()), cell(verdict="inconclusive", metrics=metrics(200))) == []


def test_noise() -> None:
    """A difference within what A's seeds differ by is none; B's seeds excuse nothing."""
    steady, more = cell(metrics=metrics(packets=100)), cell(metrics=metrics(packets=125))
    seeds = [seed(number, metrics=metrics(packets=packets)) for number, packets in ((1, 100), (2, 90), (3, 115))]
    noisy = cell(metrics=metrics(packets=100), seeds=seeds)
    assert of(steady, more) == [("cost", "worse", "packets/h")]
    assert of(noisy, more) == [("cost", "noise", "packets/h")]
    assert not fails(noisy, more, ALL)
    assert of(noisy, cell(metrics=metrics(packets=126))) == [("cost", "worse", "packets/h")]  # 26 > 115 - 90
    wild = cell(metrics=metrics(packets=126), seeds=[seed(1, metrics=metrics(packets=n)) for n in (110, 126, 500)])
    assert of(noisy, wild) == [("cost", "worse", "packets/h")]
    assert "its own noise is not known" in " ".join(compare(side(steady), side(more)).notes)
    assert "its own noise is not known" not in " ".join(compare(side(noisy), side(more)).notes)


def test_with_seeds_the_median_counts() -> None:
    """The cell's own seed may be the odd one."""
    gaps = [
        seed(number, tried=[{"at_s": 40.0, "reached": False, "gap_s": gap}])
        for number, gap in ((1, 30), (2, 5), (3, 5))
    ]
    odd = cell(tried=gaps[0]["tried"], seeds=gaps)
    (change,) = compare(side(cell(tried=gaps[1]["tried"])), side(odd), tolerances=Tolerances(time_s=0.5)).cells
    assert change.changes == ()


def test_noise_of_verdicts_and_causes() -> None:
    """A's verdict that depends on the seed is no regression, unless B's does not with as many seeds."""
    seeds = [seed(1), seed(2, verdict="fail", cause={"kind": "server-mute", "at_s": 5.0})]
    mixed = cell(verdict="inconclusive", seeds=seeds)
    assert of(mixed, fail()) == [("verdict", "noise", "verdict")]
    assert not fails(mixed, fail(), ALL)
    both = fail()
    both["seeds"] = [seed(1, verdict="fail", cause=both["cause"])] * 2
    assert of(mixed, both) == [("verdict", "worse", "verdict")]
    causes = fail("client-idle-timer", 33.0)
    causes["seeds"] = [
        seed(number, verdict="fail", cause={"kind": kind, "at_s": at})
        for number, kind, at in (
            (1, "client-idle-timer", 33.0),
            (2, "server-mute", 5.0),
            (3, "client-idle-timer", 40.0),
        )
    ]
    assert of(causes, fail("server-mute", 5.0)) == [("cause", "noise", "cause")]
    assert of(causes, fail("client-idle-timer", 39.0)) == [("cause", "noise", "client-idle-timer")]
    assert of(causes, fail("client-idle-timer", 41.0)) == [("cause", "better", "client-idle-timer")]


def test_seeds_of_an_old_report_are_no_noise() -> None:
    """A report that has the verdicts of its seeds and not their figures: the tolerance counts."""
    old = {"seed": 1, "verdict": "pass", "text": ""}
    noisy = cell(metrics=metrics(packets=100), seeds=[old, {**old, "seed": 2}])
    assert of(noisy, cell(metrics=metrics(packets=125))) == [("cost", "worse", "packets/h")]


def test_notes() -> None:
    """What makes a comparison worth less."""
    a = side(
        cell(), cell("y", verdict="inconclusive"), cell("z", verdict=None), finished=False, lab="0.1", clock="real"
    )
    notes = compare(a, side(cell())).notes
    assert notes == (
        "A was interrupted: cells that did not end are inconclusive",
        "A and B differ in the lab: 0.1 and 1.0",
        "A and B differ in the clock: real and virtual",
        "2 cells of A have no verdict: B cannot be worse there",
    )


def test_the_words_of_fail_on() -> None:
    assert parse("verdict, cost") == {Kind.VERDICT, Kind.COST}
    assert parse("nothing") == frozenset()
    assert parse(",".join(kind.value for kind in Kind)) == ALL
    with pytest.raises(ScenarioError, match="no kind of change, got `verdct`; did you mean `verdict`"):
        parse("verdct,cost")
    with pytest.raises(ScenarioError, match="nothing"):
        parse("")


def test_what_a_cell_is_counted_under() -> None:
    """The most important change decides, unless another one counts."""
    (one,) = compare(side(fail()), side(cell(verdict="pass", metrics=metrics(packets=200))))
    assert {each.direction for each in one.changes} == {Direction.BETTER, Direction.WORSE}
    assert one.direction() is Direction.BETTER
    assert one.direction({"cost"}) is Direction.WORSE
    assert one.direction({"outage"}) is Direction.BETTER
    both = metrics(packets=50, outages=[(1.0, 9.0)])
    (one,) = compare(side(cell()), side(cell(metrics=both)))
    assert one.direction(()) is Direction.WORSE
    (one,) = compare(side(cell()), side(cell(metrics=metrics(packets=50, bytes=20_000))))
    assert one.direction(()) is Direction.WORSE


def test_a_cell_that_could_not_exist_is_not_lost() -> None:
    """What had no result is no loss when it is gone."""
    first = side(cell(), cell("y", verdict="unsupported"), cell("z", verdict=None))
    comparison = compare(first, side(cell()))
    assert [[each.direction for each in one.changes] for one in comparison] == [
        [],
        [Direction.OTHER],
        [Direction.OTHER],
    ]
    assert not comparison.failing(ALL)


def test_from_python(tmp_path: Path) -> None:
    """A run in memory, its folder, and its report give the same comparison."""
    content = {
        "title": "t",
        "topology": "home-nat",
        "middlebox": "silent-60s",
        "matrix": {"strategy": ["none", "hold-transport"]},
        "probes": [{"at": "45 s"}],
        "ends": "60 s",
    }
    folder = RunFolder.make(tmp_path, lab.build(content), {"clock": "virtual", "backend": "netns"}).path
    run = lab.open_run(folder)
    found = [
        lab.compare(run, b, mapped=[("strategy", "none", "hold-transport")], tolerance=0.1, tolerance_s=2.0)
        for b in (run, folder, str(folder))
    ]
    assert [each.cells for each in found] == [found[0].cells] * 3
    assert found[0].tolerances == Tolerances(cost=0.1, time_s=2.0)
    assert [each.name for each in found[0]] == ["none → hold-transport"]
    changed = compare(side(cell(metrics=metrics(100))), side(cell(metrics=metrics(200))))
    assert [bool(changed.failing(words)) for words in (("cost", "new"), ("new",), ())] == [True, False, False]


def test_who_probed_at_weak_moments() -> None:
    """A pass says less where nobody did; a note says so, for either side."""
    trial = {"at_s": 60.0, "reached": True, "gap_s": 1.0}
    probed, not_probed = side(cell(tried=[trial])), side(cell())
    assert (
        "B did not probe at weak moments (`--moments 0`), A did: a pass says less there"
        in compare(probed, not_probed).notes
    )
    assert "A did not probe" in " ".join(compare(not_probed, probed).notes)
    for one in (probed, not_probed):
        assert "weak moments" not in " ".join(compare(one, one).notes)
