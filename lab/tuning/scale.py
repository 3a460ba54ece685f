"""Defines the values that a search may try: a range, a resolution, and the grid of values between."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from lab.units import Percent, Seconds

MILLISECOND = 0.001
"""The finest grid: what scenarios can write."""

ROUND = (1, 2, 3, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 450, 600, 900, 1200, 1800, 2700, 3600, 7200, 14400,
         28800, 86400)  # fmt: skip
"""Values for checks, in seconds. Many combinations check the same ones, so that their cells share records."""

_RANGE = re.compile(r"(?P<low>[^.=]+(?:\.\d[^.=]*)?)\.\.(?P<high>.+)")


@dataclass(frozen=True, slots=True)
class Resolution:
    """The difference between the longest safe value and the shortest one that fails, at most.

    Attributes:
        seconds: as a time; 0: as a share.
        share: of the value, 0 to 1.
    """

    seconds: float = 1.0
    share: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Resolution:
        """Read ``1s`` or ``2%``.

        Raises:
            ValueError: it is neither, or nothing; the message reads ``what is wrong; what is allowed``.
        """
        allowed = "a time or a share above 0, such as `1s` or `2%`"
        try:
            value = Percent.parse(text) if "%" in text else Seconds.parse(text)
        except ValueError as error:
            raise ValueError(f"{str(error).partition(';')[0]}; {allowed}") from None
        if value <= 0:
            raise ValueError(f"nothing; {allowed}")
        return cls(0.0, float(value) / 100) if "%" in text else cls(float(value))

    def at(self, value: float) -> float:
        """Return it at a value, in seconds."""
        return self.seconds or self.share * value


@dataclass(frozen=True, slots=True)
class Scale:
    """The values that a search may try.

    Attributes:
        low, high: the shortest and the longest, in seconds.
        resolution: how close the answer must be.
        whole: only whole seconds are values.
    """

    low: float
    high: float
    resolution: Resolution = Resolution()
    whole: bool = True

    @property
    def grain(self) -> float:
        """The distance from one value to the next: values are multiples of it."""
        return 1.0 if self.whole else max(MILLISECOND, min(1.0, self.resolution.at(self.low)))

    def step(self, value: float) -> float:
        """Return how close the answer must be at a value."""
        return max(self.grain, self.resolution.at(value))

    def on_grid(self, value: float) -> float:
        """Return the nearest value within the range."""
        snapped = round(round(value / self.grain) * self.grain, 3)
        return min(max(snapped, self.low), self.high)

    def middle(self, low: float, high: float) -> float:
        """Return a value between two: by their ratio while one is far above the other, then by their difference."""
        return self.on_grid(math.sqrt(low * high) if high > 2 * low else (low + high) / 2)

    def round_between(self, low: float, high: float, aim: float) -> float | None:
        """Return a value strictly between two that is easy to remember, near ``aim``; None if there is no value."""
        among = [float(each) for each in ROUND if low < each < high] or [self.on_grid(aim)]
        best = min(among, key=lambda each: abs(math.log(each / aim)))
        return best if low < best < high else None


def parse_range(text: str) -> tuple[Seconds, Seconds]:
    """Read ``10s..30min``.

    Raises:
        ValueError: it is no range; the message reads ``what is wrong; what is allowed``.
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise ValueError("not a range; two times such as `10s..30min`")
    try:
        low, high = (Seconds.parse(match[end]) for end in ("low", "high"))
    except ValueError as problem:
        raise ValueError("not two times with their units; two times such as `10s..30min`") from problem
    if not 0 < low < high:
        raise ValueError("not a range from a shorter to a longer time, above 0 s; two times such as `10s..30min`")
    return Seconds(low), Seconds(high)
