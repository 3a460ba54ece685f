"""Searches with a judge that runs nothing: what is found, shrunk, counted, and when a search ends."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable

import pytest

from lab.exploration.bounds import MOST_SHRINKING, Bounds
from lab.exploration.finding import Finding
from lab.exploration.invariant import Judgement
from lab.exploration.search import Search
from lab.exploration.timeline import Timeline, kind_of
from lab.faults.black_hole import BlackHole
from lab.faults.reboot import Reboot
from lab.model.when import When
from tests.explorations import HELD, FakeLab, broken, menus_of, searched

MENUS = menus_of()
START = MENUS[0].start.name


def reboots_in_black_hole(timeline: Timeline) -> Judgement:
    """A defect that needs two faults at the same time: a middlebox that reboots while it drops the flow."""
    holes = [fault for fault in timeline.faults if isinstance(fault, BlackHole) and fault.lasts]
    reboots = [fault for fault in timeline.faults if isinstance(fault, Reboot)]
    met = [
        1
        for hole, reboot in itertools.product(holes, reboots)
        if hole.at.offset < reboot.at.offset < hole.at.offset + float(hole.lasts or 0)
    ]
    return broken("both") if met else HELD


def has(*kinds: str) -> Callable[[Timeline], Judgement]:
    """A defect that shows wherever these go wrong."""
    return lambda timeline: broken("+".join(kinds)) if timeline.kinds >= set(kinds) else HELD


def test_shrinks_to_the_two_faults_that_matter() -> None:
    """Of faults at odd moments beside others the two that overlap are left, at round times, each at its simplest."""
    lab = FakeLab(reboots_in_black_hole)
    menus = menus_of("black-hole", "reboot", "link-down", "server-mute", "impairment")
    result = searched(lab, menus, bounds=Bounds(seconds=None, timelines=150))
    (finding,) = result.findings
    by_kind = {kind_of(fault): fault for fault in finding.timeline.faults}
    assert sorted(by_kind) == ["black-hole", "reboot"]
    assert finding.timeline.impairments == ()
    hole, reboot = by_kind["black-hole"], by_kind["reboot"]
    assert isinstance(hole, BlackHole)
    assert isinstance(reboot, Reboot)
    assert hole.at.offset % 5 == reboot.at.offset % 5 == 0
    assert (hole.node, hole.direction.value, reboot.address) == ("home-nat", "both", None)
    assert finding.cells <= MOST_SHRINKING
    assert finding.breach.cause == "both"
    assert lab.confirmed == [finding.timeline]


def test_nothing_broke_it() -> None:
    """A strategy that nothing breaks: as many timelines as were asked for, each once, the one without faults first."""
    lab = FakeLab(lambda _: HELD)
    result = searched(lab, MENUS)
    assert (result.findings, result.tried, result.cells) == ([], 60, 60)
    assert lab.asked[0] == Timeline(start=START)
    assert len({timeline.digest for timeline in lab.asked}) == 60


def test_a_strategy_that_breaks_without_a_fault() -> None:
    """It is found at once, needs no shrinking, and is the same finding wherever it shows again."""
    lab = FakeLab(lambda _: broken("client-idle-timer"))
    result = searched(lab, MENUS)
    (finding,) = result.findings
    assert finding.timeline == Timeline(start=START)
    assert (finding.cells, result.tried, len(lab.confirmed)) == (0, 60, 1)


def test_equal_findings_count_once_and_others_are_found() -> None:
    """Each cause with what it needs is one finding."""

    def says(timeline: Timeline) -> Judgement:
        return next((broken(kind) for kind in ("reboot", "server-close", "link-down") if kind in timeline.kinds), HELD)

    result = searched(FakeLab(says), MENUS)
    assert sorted(each.breach.cause for each in result.findings) == ["link-down", "reboot", "server-close"]
    assert [sorted(each.timeline.kinds) for each in result.findings] == [
        [each.breach.cause] for each in result.findings
    ]


def test_the_same_cause_by_another_fault_is_another_finding() -> None:
    """A cause that two faults can have by themselves is found for both."""

    def says(timeline: Timeline) -> Judgement:
        return broken("lost") if timeline.kinds & {"reboot", "evict-flow"} else HELD

    result = searched(FakeLab(says), MENUS)
    assert sorted(sorted(each.timeline.kinds)[0] for each in result.findings) == ["evict-flow", "reboot"]


def test_does_not_slip_to_another_cause() -> None:
    """While it shrinks, a timeline that breaks the invariant for another cause does not count."""

    def says(timeline: Timeline) -> Judgement:
        if timeline.kinds >= {"reboot", "evict-flow"}:
            return broken("both")
        return broken("one") if timeline.kinds & {"reboot", "evict-flow"} else HELD

    result = searched(FakeLab(says), MENUS, bounds=Bounds(seconds=None, timelines=200))
    both = [each for each in result.findings if each.breach.cause == "both"]
    assert [sorted(each.timeline.kinds) for each in both] == [["evict-flow", "reboot"]]


def test_inconclusive_is_neither_a_finding_nor_a_pass() -> None:
    """It is counted, and while something is shrunk it is not what was looked for."""

    def says(timeline: Timeline) -> Judgement:
        if len(timeline.faults) < 2:
            return Judgement(doubt="no effect") if timeline.faults else HELD
        return broken("two") if "reboot" in timeline.kinds else HELD

    result = searched(FakeLab(says), MENUS)
    (finding,) = result.findings
    assert len(finding.timeline.faults) == 2
    assert set(result.doubts) == {"no effect"}
    assert result.tried == 60
    assert result.known == 60 - len(result.doubts)


def test_what_does_not_come_again_is_no_finding() -> None:
    """A timeline that breaks the invariant once is told, and not found."""
    result = searched(FakeLab(has("reboot"), again=lambda _: HELD), MENUS, bounds=Bounds(seconds=None, timelines=20))
    assert result.findings == []
    assert {"reboot"} in [each.kinds for each in result.unsteady]


def test_errors_are_counted() -> None:
    """A cell that could not run to its end is no finding; what it said is there."""
    lab = FakeLab(lambda each: Judgement(error="lab error: x", exit_code=4) if each.faults else HELD)
    result = searched(lab, MENUS)
    assert result.findings == []
    assert set(result.errors) == {("lab error: x", 4)}
    assert (result.failed, result.known) == (len(result.errors), 60 - len(result.errors))


def test_the_same_seed_finds_the_same() -> None:
    """What is tried and found depends on the seed and the number of timelines, not on which cell ends first."""

    def found(seed: int, side_by_side: int) -> tuple[list[str], list[str]]:
        lab = FakeLab(has("reboot"))
        result = searched(lab, MENUS, seed=seed, side_by_side=side_by_side, bounds=Bounds(seconds=None, timelines=30))
        return [each.timeline.digest for each in result.findings], sorted(each.digest for each in lab.asked)

    assert found(5, 1) == found(5, 16)
    assert found(5, 16) != found(6, 16)


def test_time_is_a_bound() -> None:
    """When the time is up nothing more is run, and what was being shrunk is reported as far as that came."""
    clock = itertools.count()
    bounds = Bounds(seconds=100, timelines=None, now=lambda: float(next(clock)))
    lab = FakeLab(lambda each: broken("faults") if each.faults else HELD)
    result = searched(lab, MENUS, bounds=bounds)
    assert len(lab.asked) <= 100
    assert {each.breach.cause for each in result.findings} == {"faults"}


def test_there_is_an_end_of_what_can_be_tried() -> None:
    """Where little can happen, a search ends before its bound, and says so."""
    menus = menus_of("impairment")
    result = searched(FakeLab(lambda _: HELD), menus, bounds=Bounds(seconds=None, timelines=5000))
    assert result.exhausted
    assert result.tried == 1 + len(menus[0].impairments)


def test_begins_with_what_was_found_before() -> None:
    """Known timelines come first, and are not shrunk nor told as new; those that break nothing any more are named."""
    breaks, holds = (Timeline(start=START, faults=(Reboot(at=When(offset=at), node="home-nat"),)) for at in (7.0, 8.0))
    lab = FakeLab(lambda each: broken("reboot") if each == breaks else HELD)
    result = searched(lab, MENUS, known=[breaks, holds], bounds=Bounds(seconds=None, timelines=3))
    assert lab.asked == [Timeline(start=START), breaks, holds]
    assert [(each.timeline, each.before) for each in result.findings] == [(breaks, True)]
    assert result.gone == [holds]


def test_tells_findings_as_they_come() -> None:
    """A finding is told when it is confirmed, before the search is over."""
    told: list[tuple[Finding, int]] = []
    lab = FakeLab(has("reboot"))
    bounds = Bounds(seconds=None, timelines=150)
    searched(lab, MENUS, tell=lambda finding: told.append((finding, len(lab.asked))), bounds=bounds)
    assert [sorted(finding.timeline.kinds) for finding, _ in told] == [["reboot"]]
    assert told[0][1] < len(lab.asked)


@pytest.mark.parametrize("word", ["reboot", "impairment"])
def test_only_what_was_asked_for_goes_wrong(word: str) -> None:
    """``--faults`` limits what is generated."""
    lab = FakeLab(lambda _: HELD)
    searched(lab, menus_of(word), bounds=Bounds(seconds=None, timelines=10))
    assert {kind for timeline in lab.asked for kind in timeline.kinds} == {word}


def test_an_interrupted_search_ends_at_once() -> None:
    """Also while timelines are shrunk in threads, which wait for cells that never end."""

    async def interrupted() -> None:
        shrinking = asyncio.Event()

        class Hanging(FakeLab):
            async def judge(self, timeline: Timeline) -> Judgement:
                if len(self.asked) > 20:
                    shrinking.set()
                    await asyncio.Event().wait()
                return await super().judge(timeline)

        lab = Hanging(lambda each: broken(min(each.kinds)) if each.kinds else HELD)
        bounds = Bounds(seconds=None, timelines=60)
        search = asyncio.ensure_future(Search(MENUS, seed=1, bounds=bounds, judge=lab.judge, confirm=lab.confirm).run())
        await shrinking.wait()
        search.cancel()
        with pytest.raises(asyncio.CancelledError):
            await search

    asyncio.run(interrupted())
