"""Puts figures into words."""

from __future__ import annotations

import math
from collections.abc import Sequence

MOST_NAMES = 5
"""Names that a sentence lists."""


def percent(share: float) -> str:
    """Return a share: `97 %`, `33.3 %`; what is not all of it is not rounded up to 100 %."""
    rounded = round(share, 1)
    if share < 100 <= rounded:
        rounded = 99.9
    return f"{rounded:g} %"


def seconds(value: float | None) -> str:
    """Return the length of an outage: `none`, `36 s`, `to the end`, `unknown`."""
    if value is None:
        return "unknown"
    if math.isinf(value):
        return "to the end"
    return f"{value:,.0f} s" if round(value) else "none" if not value else "< 1 s"


def rings(value: float | None) -> str:
    """Return how late calls ring: `rings after 0.4 s at worst`, `misses calls`, `was not called`."""
    if value is None:
        return "was not called"
    return "misses calls" if math.isinf(value) else f"rings after {value:,.1f} s at worst"


def kilobytes(per_hour: float) -> str:
    """Return bytes per hour: `24 kB/h`."""
    return f"{per_hour / 1000:,.0f} kB/h"


def listed(names: Sequence[str]) -> str:
    """Return some names: `a, b`, or `a, b, c, d, e and 3 more`."""
    some = ", ".join(names[:MOST_NAMES])
    more = len(names) - MOST_NAMES
    return f"{some} and {more} more" if more > 0 else some
