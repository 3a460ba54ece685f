"""Defines quantities with bounds that several mitigations share."""

from __future__ import annotations

from typing import Annotated

from lab.units import Checked, Seconds


def _fits(value: Seconds) -> Seconds:
    if not 0.001 <= value <= 2**31 / 1000:
        raise ValueError("out of range; 1 ms to 24 d, which fits a counter of milliseconds")
    return value


Milliseconds = Annotated[Seconds, Checked(_fits)]
"""What is counted in milliseconds, in an int of C."""
