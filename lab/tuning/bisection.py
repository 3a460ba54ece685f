"""Searches for the longest value that is safe, with the fewest trials. Pure: it is given what tries a value.

A value is safe if it passes and no shorter one that was tried fails. Failing cells say where to look: the cause of a
failure has a time, such as the 60 s after which a middlebox forgot. That time is a guess; cells just below and just
above it decide. That a shorter value is never worse is checked, not assumed: besides the bisection, values between
those that pass and above those that fail are tried. An inconclusive trial says nothing, and the search goes around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

from lab.model.verdict import Verdict
from lab.tuning.scale import Scale

MOST_UNKNOWN = 4
"""After so many inconclusive trials the search stops: what is wrong is not the value."""
MOST_GUESSES = 3
"""Causes that are followed before plain bisection. Three ends of a flow have timers: client, middlebox, server."""
NEARLY = 1e-6
"""Seconds; far below the grid's."""


class Tried(Protocol):
    """The properties of a trial that the search needs."""

    @property
    def value_s(self) -> float:
        """The value that was tried."""

    @property
    def verdict(self) -> Verdict:
        """The verdict: a pass if the client was reachable at every moment."""

    @property
    def turn_s(self) -> float | None:
        """Of a ``fail``: for how long the client had been quiet when its flow ended; None: unknown."""

    @property
    def quiet_s(self) -> float | None:
        """Of a ``pass``: for how long the client was quiet at most; None: unknown."""


T = TypeVar("T", bound=Tried)


class Ending(str, Enum):
    """The end of a search."""

    BETWEEN = "between"
    """Between a value that passes and a longer one that fails."""
    ALL_PASS = "all-pass"  # noqa: S105  (no password)
    """The longest value of the range passes."""
    NONE = "none"
    """The shortest value of the range fails."""
    UNKNOWN = "unknown"
    """Inconclusive trials leave open where."""


@dataclass(frozen=True, slots=True)
class Found(Generic[T]):
    """The result of a search.

    Attributes:
        ending: where it ended.
        trials: all of them, the shortest value first.
        safe: the longest that passes, with none shorter that fails; None: there is none.
        fails: the shortest that fails; None: there is none.
    """

    ending: Ending
    trials: tuple[T, ...]
    safe: T | None
    fails: T | None

    @property
    def pass_again(self) -> tuple[T, ...]:
        """Trials that pass with a longer value than one that fails."""
        if self.fails is None:
            return ()
        return tuple(each for each in _passes(self.trials) if each.value_s > self.fails.value_s)

    @property
    def unknown(self) -> tuple[T, ...]:
        """Trials that showed nothing."""
        return tuple(each for each in self.trials if _unknown(each))

    def survives(self, value: float) -> bool:
        """Return whether a value is safe, as far as the trials tell."""
        return self.safe is not None and value <= self.safe.value_s + NEARLY


class Bisection(Generic[T]):
    """One search.

    Args:
        judge: tries a value.
        scale: the values that there are.
    """

    def __init__(self, judge: Callable[[float], Awaitable[T]], scale: Scale) -> None:
        self._judge = judge
        self._scale = scale
        self._tried: dict[float, T] = {}

    async def run(self) -> Found[T]:
        """Search; return what was found."""
        top = await self.attempt(self._scale.high)
        if top.verdict is Verdict.FAIL:
            await self._follow(top)
        await self._narrow()
        await asyncio.gather(*(self.attempt(value) for value in self._checks()))
        await self._narrow()
        return self.found

    async def also(self, value: float) -> Found[T]:
        """Try one more value, and search on if it fails."""
        if self._scale.low <= value <= self._scale.high:
            await self.attempt(self._scale.on_grid(value))
            await self._narrow()
        return self.found

    async def contradict(self, tried: T) -> Found[T]:
        """Take a trial that fails in the place of one that passed, and search on below it."""
        self._tried[tried.value_s] = tried
        await self._narrow()
        return self.found

    async def attempt(self, value: float) -> T:
        """Try a value, once."""
        if value not in self._tried:
            self._tried[value] = await self._judge(value)
        return self._tried[value]

    @property
    def found(self) -> Found[T]:
        """The result so far."""
        trials = tuple(self._tried[value] for value in sorted(self._tried))
        safe, fails = self._safe, self._fails
        if fails is not None and fails.value_s <= self._scale.low:
            ending = Ending.NONE
        elif safe is not None and safe.value_s >= self._scale.high:
            ending = Ending.ALL_PASS
        elif safe is None or fails is None:
            ending = Ending.UNKNOWN
        else:
            between = fails.value_s - safe.value_s
            ending = Ending.BETWEEN if between <= self._scale.step(safe.value_s) + NEARLY else Ending.UNKNOWN
        return Found(ending, trials, safe, fails)

    @property
    def _fails(self) -> T | None:
        fails = [each for each in self._tried.values() if each.verdict is Verdict.FAIL]
        return min(fails, key=lambda each: each.value_s, default=None)

    @property
    def _safe(self) -> T | None:
        below = self._fails
        passes = [each for each in _passes(self._tried.values()) if below is None or each.value_s < below.value_s]
        return max(passes, key=lambda each: each.value_s, default=None)

    async def _follow(self, failed: T) -> None:
        """Look where the causes of failures point to: just below and just above."""
        seen: set[float] = set()
        for _ in range(MOST_GUESSES):
            turn = failed.turn_s
            if turn is None or turn in seen or not self._scale.low < turn < failed.value_s:
                return
            seen.add(turn)
            below = await self.attempt(self._below(turn))
            if below.verdict is Verdict.PASS:
                await self._climb(below, turn)
                return
            if below.verdict is not Verdict.FAIL:
                return
            failed = below

    def _below(self, turn: float) -> float:
        value = self._scale.on_grid(turn)
        return value if value < turn - NEARLY else self._scale.on_grid(value - self._scale.grain)

    async def _climb(self, passed: T, turn: float) -> None:
        """Go up from a value that passes, in steps that double, to one that does not.

        A registration is refreshed before it expires, so that its client is never quiet for as long as the value. The
        first step makes up for that.
        """
        value, step = passed.value_s, self._scale.step(passed.value_s)
        ahead = 0.0 if passed.quiet_s is None else self._scale.on_grid(value + turn - passed.quiet_s) - value
        if (fails := self._fails) is not None and step < ahead < fails.value_s - value:
            value = self._below(value + ahead)
            if (await self.attempt(value)).verdict is not Verdict.PASS:
                return
        while (fails := self._fails) is not None:
            value = self._scale.on_grid(value + step)
            step *= 2
            if value >= fails.value_s or (await self.attempt(value)).verdict is not Verdict.PASS:
                return

    async def _narrow(self) -> None:
        """Bisect until the longest safe value and the shortest that fails are close enough."""
        while (value := self._next()) is not None:
            await self.attempt(value)

    def _next(self) -> float | None:
        scale = self._scale
        safe, fails = self._safe, self._fails
        if sum(map(_unknown, self._tried.values())) >= MOST_UNKNOWN:
            return None
        if safe is None:
            if fails is not None and fails.value_s <= scale.low:
                return None
            if (value := self._just_below(fails)) is not None:
                return value
            if scale.low not in self._tried:
                return scale.low
        low = scale.low if safe is None else safe.value_s
        high = scale.high if fails is None else fails.value_s
        if high - low <= scale.step(low) + NEARLY:
            return None
        return self._untried(low, high)

    def _just_below(self, fails: T | None) -> float | None:
        """Return a value just below one that fails at its own cause's time, which timers counted in ticks may miss."""
        if fails is None or fails.turn_s is None or abs(fails.turn_s - fails.value_s) > self._scale.grain:
            return None
        value = self._scale.on_grid(fails.value_s - self._scale.step(fails.value_s))
        return None if value in self._tried else value

    def _untried(self, low: float, high: float) -> float | None:
        """Return a value between two that has not been tried, near their middle; None: there is none."""
        scale = self._scale
        middle, step = scale.middle(low, high), scale.step(low)
        for number in range(2 * len(self._tried) + 2):
            offset = (number + 1) // 2 * step * (-1 if number % 2 else 1)
            value = scale.on_grid(middle + offset)
            if low < value < high and value not in self._tried:
                return value
        return None

    def _checks(self) -> list[float]:
        """Return values that should pass or fail like their neighbors: below what is safe, and above what fails.

        Below there is one, and two where more than a factor of ten lies between the ends. Above there is one, unless
        the search has tried one.
        """
        scale, safe, fails = self._scale, self._safe, self._fails
        wanted: list[float | None] = []
        if safe is not None and safe.value_s > scale.low:
            low, high = scale.low, safe.value_s
            parts = 3 if high > 10 * low else 2
            aims = [low * (high / low) ** (part / parts) for part in range(1, parts)]
            wanted += [scale.round_between(low, high, aim) for aim in aims]
        above = [] if fails is None else [value for value in self._tried if fails.value_s < value < scale.high]
        if fails is not None and fails.value_s < scale.high and not above:
            low = fails.value_s
            aim = low * 1.2 if safe is not None else (low * scale.high) ** 0.5
            wanted.append(scale.round_between(low, scale.high, aim))
        return [value for value in dict.fromkeys(wanted) if value is not None and value not in self._tried]


def _passes(trials: Iterable[T]) -> list[T]:
    return [each for each in trials if each.verdict is Verdict.PASS]


def _unknown(tried: Tried) -> bool:
    return tried.verdict not in (Verdict.PASS, Verdict.FAIL)
