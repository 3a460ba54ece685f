"""The search for a timer: exact, whatever the timer; not misled by packets that are lost; estimates that hold."""

from __future__ import annotations

import random

import pytest

from lab.nat_probe.bracket import DEAD_TIMES, Bracket

TIMERS = [1, 2, 3, 5, 7, 10, 12, 30, 54, 60, 61, 119, 120, 180, 299, 300, 350, 1234, 3600, 7200, 7440]


def searched(timer: float, bracket: Bracket, *, lost: float = 0.0, seed: int = 0) -> list[tuple[float, float]]:
    """Search in flows of which some are lost by accident; return what each round was said to leave, and took."""
    chance = random.Random(seed)
    rounds: list[tuple[float, float]] = []
    while times := bracket.next():
        assert len(rounds) < 60
        assert times == sorted(times)
        left, took = bracket.left_s(), 0.0
        for idle in times:
            if bracket.dead is not None and idle > bracket.dead:
                break  # it need not be waited for
            bracket.note(idle, reached=idle < timer and chance.random() >= lost)
            took = idle
        rounds.append((left, took))
    return rounds


@pytest.mark.parametrize("timer", TIMERS)
@pytest.mark.parametrize("flows", [1, 4, 24])
def test_a_timer_is_found_to_the_second(timer: int, flows: int) -> None:
    """Whatever the number of flows; and the time at which a flow is lost has been tried several times."""
    bracket = Bracket(longest=7500, flows=flows)
    searched(timer, bracket)
    assert bracket.timer == timer
    assert (bracket.alive, bracket.dead) == (timer - 0.5, timer + 0.5)
    assert bracket.lost[timer + 0.5] >= DEAD_TIMES


@pytest.mark.parametrize("seed", range(20))
def test_lost_packets_do_not_mislead(seed: int) -> None:
    """With one in thirty flows lost by accident, as if a third of all packets were, the timer is the same."""
    bracket = Bracket(longest=7500)
    searched(300, bracket, lost=0.03, seed=seed)
    assert bracket.timer == 300


def test_a_timer_that_is_too_long_is_not_guessed() -> None:
    """All flows are reached: it is longer than could be waited for, and has no value."""
    bracket = Bracket(longest=600)
    searched(7440, bracket)
    assert bracket.beyond
    assert bracket.timer is None
    assert (bracket.alive, bracket.dead) == (600.5, None)


def test_none_is_reached() -> None:
    """A timer below a second is no timer: the value is 0, which no profile has."""
    bracket = Bracket(longest=600)
    searched(0, bracket)
    assert bracket.timer == 0


@pytest.mark.parametrize("timer", TIMERS)
def test_the_estimate_is_never_too_short(timer: int) -> None:
    """Before each round the rest takes no longer than was said."""
    rounds = searched(timer, Bracket(longest=7500, flows=24))
    for number, (left, _) in enumerate(rounds):
        assert sum(took for _, took in rounds[number:]) <= left


def test_resolution() -> None:
    """A coarser resolution ends earlier, and the timer is rounded down to what was seen alive."""
    coarse, fine = Bracket(longest=7500, resolution=60), Bracket(longest=7500)
    assert sum(took for _, took in searched(7000, coarse)) < sum(took for _, took in searched(7000, fine))
    assert coarse.timer is not None
    assert 7000 - 60 <= coarse.timer <= 7000
    assert fine.timer == 7000
