"""Builds figures of cells, for tests of rankings."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from lab.model.outcome import Metrics, Recovery
from lab.ranking.tallies import Reach, Tally

NOTHING = Metrics(
    probes=2,
    delivered=2,
    delivered_share=1.0,
    outages=(),
    packets_up=0,
    packets_down=0,
    bytes_up=0,
    bytes_down=0,
    packets_per_hour=0.0,
    bytes_per_hour=0.0,
    radio_wakeups_per_hour=0.0,
    radio_active_s_per_hour=0.0,
    connects=0,
    tls_handshakes=0,
    challenges=0,
    stale_contacts=0,
    leaked_sockets=0,
    repair=Recovery(),
    observed_s=3600.0,
    measured=True,
)
WEIGHTS = (("home", 55.0), ("cgn", 30.0), ("cell", 15.0))


def costing(wakeups: float, size: float = 10_000.0, **fields: Any) -> Metrics:
    return dataclasses.replace(
        NOTHING, radio_wakeups_per_hour=wakeups, bytes_per_hour=size, packets_per_hour=3 * wakeups, **fields
    )


def one(name: str, box: str, *, passed: bool | None = True, failure: str = "idle", **fields: Any) -> Tally:
    """A cell's figures; ``passed``: None is unknown."""
    if passed is None:
        return Tally(candidate=name, middlebox=box, failure=failure, reach=Reach.UNKNOWN, doubt="inconclusive: d")
    reach = Reach.REACHED if passed else Reach.LOST
    known = {"metrics": costing(60.0), "outage_s": 0.0 if passed else math.inf, **fields}
    return Tally(candidate=name, middlebox=box, failure=failure, reach=reach, **known)


def strategy(name: str, reached: str, *, wakeups: float, size: float = 10_000.0, outage: float = 0.0) -> list[Tally]:
    """A strategy that is reached behind these middleboxes, and lost behind the others."""
    found = []
    for box, _ in WEIGHTS:
        passed = box in reached.split()
        lasted = outage if passed else math.inf
        found.append(one(name, box, passed=passed, metrics=costing(wakeups, size), outage_s=lasted))
    return found
