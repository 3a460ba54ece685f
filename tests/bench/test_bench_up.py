"""How long from ``lab up`` to the first shell in a node. Prints figures, asserts none."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import median

import pytest

from tests.live_labs import Labs, take_all_down

pytestmark = [pytest.mark.bench]

ROUNDS = 5


def test_to_the_first_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A network and a scenario, each with pjsip's account set up; both commands start an interpreter of their own."""
    labs = Labs(tmp_path)
    with capsys.disabled():
        print("\n| what | median | worst |\n|---|---:|---:|")
        for what in ("home-nat", "article/idle-subscription"):
            times = [_round(labs, what) for _ in range(ROUNDS)]
            print(f"| `lab up {what}`, then `lab exec client` | {median(times):.2f} s | {max(times):.2f} s |")


def _round(labs: Labs, what: str) -> float:
    try:
        start = time.monotonic()
        assert labs.start("up", what).wait() == 0
        assert labs.start("exec", "client", "--", "true").wait() == 0
        return time.monotonic() - start
    finally:
        take_all_down(labs.environment)
