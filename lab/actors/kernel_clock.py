"""Converts kernel timestamps (CLOCK_REALTIME) of packets and mappings to the record's CLOCK_MONOTONIC."""

from __future__ import annotations

import time


def to_monotonic(realtime_ns: int) -> float:
    """Return CLOCK_MONOTONIC in seconds for a recent CLOCK_REALTIME in ns; exact unless the clock was set since."""
    return (realtime_ns - time.clock_gettime_ns(time.CLOCK_REALTIME) + time.monotonic_ns()) / 1e9
