"""The search for the longest safe value, with made-up clients: what it finds, and by how many trials."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from lab.errors import LabFault
from lab.model.verdict import Verdict
from lab.tuning.bisection import MOST_UNKNOWN, Bisection, Ending, Found
from lab.tuning.scale import Resolution, Scale

P, F, Q = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
RANGE = Scale(10, 1800)


@dataclass(frozen=True)
class Trial:
    value_s: float
    verdict: Verdict
    turn_s: float | None = None
    quiet_s: float | None = None


def searched(
    verdict: Callable[[float], Verdict],
    scale: Scale = RANGE,
    *,
    turn: Callable[[float], float | None] = lambda _: None,
    quiet: Callable[[float], float | None] = lambda _: None,
) -> Found[Trial]:
    async def judge(value: float) -> Trial:
        await asyncio.sleep(0)
        tried = verdict(value)
        return Trial(value, tried, turn(value) if tried is F else None, quiet(value) if tried is P else None)

    return asyncio.run(Bisection(judge, scale).run())


def limit(safe: float) -> Callable[[float], Verdict]:
    return lambda value: P if value <= safe else F


def values(found: Found[Trial]) -> tuple[float | None, float | None]:
    safe, fails = (None if each is None else each.value_s for each in (found.safe, found.fails))
    return safe, fails


@pytest.mark.parametrize("safe", [10, 11, 33, 59, 349, 1000, 1798, 1799])
def test_the_limit_is_found_without_a_hint(safe: float) -> None:
    """To a second, wherever it is; bisection of 1790 values and the checks take no more than 17 trials."""
    found = searched(limit(safe))
    assert (found.ending, values(found)) == (Ending.BETWEEN, (safe, safe + 1))
    assert len(found.trials) <= 17
    assert found.pass_again == ()


@pytest.mark.parametrize("safe", [33, 59, 349])
def test_a_cause_leads_to_the_limit(safe: float) -> None:
    """The time of the cause is a guess, which two cells decide: with the top and two or three checks, five or six."""
    found = searched(limit(safe), turn=lambda _: safe + 0.97)
    assert values(found) == (safe, safe + 1)
    assert len(found.trials) == (6 if safe > 100 else 5)


@pytest.mark.parametrize("wrong", [15.0, 300.0, 1799.0, 5.0, 4000.0])
def test_a_wrong_guess_is_only_a_guess(wrong: float) -> None:
    """A cause that speaks of something else costs trials and changes nothing."""
    found = searched(limit(59), turn=lambda _: wrong)
    assert (found.ending, values(found)) == (Ending.BETWEEN, (59, 60))
    assert len(found.trials) <= 20
    nothing = searched(limit(1), turn=lambda _: wrong)
    assert nothing.ending is Ending.NONE
    assert len(nothing.trials) <= 8


def test_refreshes_that_come_before_their_interval_ends() -> None:
    """A registration of 65 s is refreshed after 60 s: its middlebox forgets after 60 s, and 64 s are safe.

    What passed says by how much it is refreshed too early; that saves trials.
    """
    found = searched(limit(64), turn=lambda _: 60.0)
    assert values(found) == (64, 65)
    fewer = searched(limit(64), turn=lambda _: 60.0, quiet=lambda value: value - 5)
    assert values(fewer) == (64, 65)
    assert len(fewer.trials) < len(found.trials)


def test_all_pass() -> None:
    """The range's end passes, and so do two values between."""
    found = searched(limit(5000))
    assert (found.ending, values(found)) == (Ending.ALL_PASS, (1800, None))
    assert [each.value_s for each in found.trials] == [60, 300, 1800]


def test_all_fail() -> None:
    """No interval is safe where a mapping has a lifetime of 300 s: that takes few trials."""
    found = searched(limit(1), turn=lambda _: 300.0)
    assert (found.ending, values(found)) == (Ending.NONE, (None, 10))
    assert len(found.trials) <= 5


def test_a_value_in_the_middle_that_fails() -> None:
    """What passes above it is not safe, and is told."""
    found = searched(lambda value: F if 40 <= value <= 70 or value > 900 else P)
    assert values(found) == (39, 40)
    assert found.pass_again
    assert all(70 < each.value_s <= 900 for each in found.pass_again)


def test_values_above_the_limit_that_pass_again() -> None:
    """A check above the first failure finds them."""
    found = searched(lambda value: F if 60 <= value < 70 or value > 1000 else P, turn=lambda _: 60.5)
    assert values(found) == (59, 60)
    assert [each.value_s for each in found.pass_again] == [90]


def test_what_is_inconclusive_is_never_a_pass_nor_a_fail() -> None:
    """The search goes around it; the answer does not rest on it."""
    found = searched(lambda value: Q if value == 905 else limit(1000)(value))
    assert (found.ending, values(found)) == (Ending.BETWEEN, (1000, 1001))
    odd = searched(lambda value: Q if value == 60 else limit(59)(value), turn=lambda _: 60.5)
    assert (odd.ending, values(odd)) == (Ending.UNKNOWN, (59, 61))
    assert [each.value_s for each in odd.unknown] == [60]


def test_all_inconclusive() -> None:
    """Nothing is known then, and the search gives up soon."""
    found = searched(lambda _: Q)
    assert (found.ending, values(found)) == (Ending.UNKNOWN, (None, None))
    assert MOST_UNKNOWN <= len(found.trials) <= MOST_UNKNOWN + 1


def test_an_inconclusive_end_of_the_range() -> None:
    """The longest value that passes is told, and that more is not known."""
    top = searched(lambda value: Q if value == 1800 else P)
    assert (top.ending, values(top)) == (Ending.UNKNOWN, (1799, None))
    low = searched(lambda value: Q if value == 10 else F)
    assert (low.ending, values(low)[0]) == (Ending.UNKNOWN, None)


def test_resolution_as_a_share() -> None:
    """2 % of 1000 s are 20 s; fewer trials."""
    scale = Scale(10, 1800, Resolution(0.0, 0.02))
    found = searched(limit(1000), scale)
    assert found.ending is Ending.BETWEEN
    assert found.safe is not None
    assert found.fails is not None
    assert found.safe.value_s <= 1000 < found.fails.value_s <= found.safe.value_s * 1.02 + 1
    assert len(found.trials) < len(searched(limit(1000)).trials)


def test_resolution_below_a_second() -> None:
    """Where the parameter is no whole number of seconds."""
    found = searched(limit(33.3), Scale(30, 40, Resolution(0.1), whole=False))
    assert values(found) == (33.3, 33.4)
    whole = searched(limit(33.3), Scale(30, 40, Resolution(0.1), whole=True))
    assert values(whole) == (33, 34)


def test_one_more_value() -> None:
    """What fails although it seemed safe makes the answer smaller."""
    tried: list[float] = []

    async def judge(value: float) -> Trial:
        tried.append(value)
        return Trial(value, F if value == 50 or value > 59 else P)

    async def both() -> tuple[Found[Trial], Found[Trial]]:
        search = Bisection(judge, RANGE)
        return await search.run(), await search.also(50)

    before, after = asyncio.run(both())
    assert (values(before), values(after)) == ((59, 60), (49, 50))
    assert 59 in [each.value_s for each in after.pass_again]
    assert len(tried) == len(set(tried))


def test_what_turns_out_to_fail() -> None:
    """A value that passed by luck is no longer safe, and the search goes on below it."""

    async def judge(value: float) -> Trial:
        return Trial(value, limit(60)(value))

    async def lucky() -> Found[Trial]:
        search = Bisection(judge, RANGE)
        assert values(await search.run()) == (60, 61)
        assert values(await search.contradict(Trial(60, F))) == (59, 60)
        return await search.contradict(Trial(30, F))

    found = asyncio.run(lucky())
    assert (found.ending, values(found)) == (Ending.BETWEEN, (29, 30))
    assert 59 in [each.value_s for each in found.pass_again]


def test_an_error_ends_the_search() -> None:
    """It is the caller's to tell."""

    async def judge(value: float) -> Trial:
        raise LabFault("broken", detail=str(value))

    with pytest.raises(LabFault, match="broken"):
        asyncio.run(Bisection(judge, RANGE).run())


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1s", (1.0, 0.0)), ("2 %", (0.0, 0.02)), ("500ms", (0.5, 0.0)), ("2 min", (120.0, 0.0))],
)
def test_resolution(text: str, expected: tuple[float, float]) -> None:
    """A time or a share."""
    found = Resolution.parse(text)
    assert (found.seconds, found.share) == expected


@pytest.mark.parametrize("text", ["", "1", "fast", "0s", "0%", "-1s", "101%"])
def test_no_resolution(text: str) -> None:
    """Refused, with what is allowed."""
    with pytest.raises(ValueError, match="such as `1s` or `2%`"):
        Resolution.parse(text)
