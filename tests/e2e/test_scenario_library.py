"""The scenarios of the library, as a user runs them: all claims hold. Those of ``test_article`` run there."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import IN_REAL_TIME, ROOT, run

pytestmark = pytest.mark.e2e

COST = ROOT / "scenarios" / "article" / "best-practice-upkeep-and-cost.yaml"
LIBRARY = sorted(
    path
    for folder in ("article", "field")
    for path in (ROOT / "scenarios" / folder).glob("*.yaml")
    if path != COST and path.stem != "all" and path.stem not in IN_REAL_TIME  # `all` takes minutes
)


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time; it is built if it is not (two or three minutes)."""
    if kernel.find() is None:
        kernel.build()


@pytest.mark.timeout(300)  # a few seconds, unless the machine is busy
@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.stem)
def test_claims_hold(path: Path, tmp_path: Path) -> None:
    """What a scenario of the library claims is what the lab sees."""
    done = run("run", path, "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
def test_cost_follows_the_interval(tmp_path: Path) -> None:
    """Seldom is cheaper than often for the radio, whatever is sent; for the bytes it matters what."""
    done = run("run", COST, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    costs = {cell["name"]: cell["metrics"] for cell in json.loads(done.stdout)["cells"]}

    def order(metric: str, *names: str) -> bool:
        values = [costs[name][metric] for name in names]
        return all(1.1 * less < more for less, more in pairwise(values))

    assert order("radio_wakeups_per_hour", "crlf-240s-hold", "hold-transport", "crlf-30s-hold", "crlf-10s-hold")
    assert order(
        "bytes_per_hour", "crlf-240s-hold", "crlf-30s-hold", "options-ping-25s", "refresh-25s", "resubscribe-25s"
    )
    wakeups = [costs[name]["radio_wakeups_per_hour"] for name in ("options-ping-25s", "refresh-25s", "resubscribe-25s")]
    assert max(wakeups) < 1.1 * min(wakeups)
