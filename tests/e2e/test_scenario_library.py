"""The scenarios of the library: all claims hold. Those of ``test_article`` run there."""

from __future__ import annotations

from itertools import pairwise

import pytest

from lab.model.twin import NO_TWINS, TwinPlan
from tests.e2e.lab_command import IN_REAL_TIME, ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

COST = Cells(ROOT / "scenarios" / "article" / "best-practice-upkeep-and-cost.yaml")
LIBRARY = sorted(
    path
    for folder in ("article", "field", "found", "websocket")
    for path in (ROOT / "scenarios" / folder).glob("*.yaml")
    if path.stem
    not in ("all", "registered-phone", "what-to-ship", *IN_REAL_TIME)  # those take minutes: scripts/test --all
)

TWINS = TwinPlan(moments=1, causes=True)
"""As `lab run` looks at them by default, but for the costs."""
WEAK = {
    "advice-2b-options-or-refresh",
    "advice-3a-hold-transport",
    "asterisk-657",
    "best-practice-monitor-and-recover",
    "best-practice-upkeep-and-cost",
    "reconnect-idle-end",
    "reconnect-link-down",
    "dns-change",
    "longest-interval-udp",
    "sipsorcery-1375",
}
"""Scenarios that claim what only twins show: a probe at a weakest moment, or a cell without a suspect.
scripts/test --all runs all of them with twins."""
SAMPLE = tuple(f"middlebox={name}" for name in ("aws-nlb", "cell-aggressive", "cgn", "home-sip-alg", "mikrotik"))
"""Of 25: one with a RST, a cell that forgets soon, a carrier's, an ALG, and one whose UDP timer is the shortest."""
SAMPLED = {"longest-interval-tls", "longest-interval-udp"}
"""Scenarios with the same cells behind each of 25 middleboxes: `test_whole_table` runs all, the suite a sample."""
CLAIMS = [
    Cells(
        path,
        only=SAMPLE if path.stem in SAMPLED else (),
        twins=TWINS if path.stem in WEAK else NO_TWINS,
    )
    for path in LIBRARY
]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(cells, marks=pytest.mark.cells(cells), id=path.stem)
        for cells, path in zip(CLAIMS, LIBRARY, strict=True)
    ],
)
def test_claims_hold(cells: Cells, virtually: Virtually) -> None:
    """What a scenario of the library claims is what the lab sees."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said


@pytest.mark.cells(COST)
def test_cost_follows_the_interval(virtually: Virtually) -> None:
    """Seldom is cheaper than often for the radio, whatever is sent; for the bytes it matters what."""
    costs = {name: cell["metrics"] for name, cell in virtually(COST).cells.items()}

    def order(metric: str, *names: str) -> bool:
        values = [costs[name][metric] for name in names]
        return all(1.1 * less < more for less, more in pairwise(values))

    assert order("radio_wakeups_per_hour", "crlf-240s-hold", "hold-transport", "crlf-30s-hold", "crlf-10s-hold")
    assert order(
        "bytes_per_hour", "crlf-240s-hold", "crlf-30s-hold", "options-ping-25s", "refresh-25s", "resubscribe-25s"
    )
    wakeups = [costs[name]["radio_wakeups_per_hour"] for name in ("options-ping-25s", "refresh-25s", "resubscribe-25s")]
    assert max(wakeups) < 1.1 * min(wakeups)
