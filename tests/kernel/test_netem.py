"""netem in a guest: each value does what it says, in one direction only, within computed statistical bounds."""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lab.worlds import boot, kernel

pytestmark = [pytest.mark.virtual, pytest.mark.xdist_group("netem")]

COUNT = 2000
SIGMAS = 4.5
"""A false alarm in 150,000 checks; the band still tells 10 % from 7 % and from 13 % at 2000 datagrams."""

TRIALS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "delay": {"one_way_delay": 0.040},
    "jitter": {"one_way_delay": 0.040, "jitter": 0.010},
    "loss": {"loss": 10.0},
    "duplicate": {"duplicate": 10.0},
    "reorder": {"one_way_delay": 0.040, "reorder": 10.0},
    "rate": {"rate": 80_000.0},
}


def band(share: float, count: int = COUNT) -> range:
    """The numbers of successes that ``SIGMAS`` standard deviations around the mean of a binomial allow."""
    mean, deviation = count * share, math.sqrt(count * share * (1 - share))
    return range(math.ceil(mean - SIGMAS * deviation), math.floor(mean + SIGMAS * deviation) + 1)


def test_band_excludes_no_effect() -> None:
    """The bands can fail: nothing, and half as much again, lie outside."""
    assert 0 not in band(0.10)
    assert round(COUNT * 0.15) not in band(0.10)
    assert round(COUNT * 0.10) in band(0.10)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What every trial showed, in one guest."""
    folder = tmp_path_factory.mktemp("netem")
    gap = {"rate": 0.001}
    trials = [
        {"values": values, "count": 200 if name == "rate" else COUNT, "size": 72, "gap": gap.get(name, 0.002)}
        for name, values in TRIALS.items()
    ]
    request = boot.Request(
        entry="netem_in_guest:main",
        args=(str(folder), trials),
        writable=folder,
        path=(str(Path(__file__).parent), *(path for path in sys.path if path)),
    )
    request.write(folder)
    argv = boot.command(
        kernel=kernel.find() or kernel.build(),
        run_folder=folder,
        control=folder,
        name=f"netem-{time.monotonic_ns()}",
        start_ns=time.time_ns(),
    )
    found: dict[str, dict[str, Any]] = {}
    with boot.Guest(argv) as guest:
        for name in TRIALS:
            answer = guest.receive(within_s=100)
            assert isinstance(answer, dict), "\n".join(guest.console)
            found[name] = answer
    return found


def test_off_means_off(seen: dict[str, dict[str, Any]]) -> None:
    """Without values everything arrives once, in order, at once, both ways."""
    for way in ("there", "back"):
        got = seen["nothing"][way]
        assert (got["arrived"], got["twice"], got["late"]) == (COUNT, 0, 0)
        assert got["longest"] < 0.001


@pytest.mark.parametrize("name", [name for name in TRIALS if name != "nothing"])
def test_other_direction_is_untouched(seen: dict[str, dict[str, Any]], name: str) -> None:
    """An impairment from client to server does nothing from server to client."""
    got = seen[name]["back"]
    assert (got["twice"], got["late"]) == (0, 0)
    assert got["arrived"] == (200 if name == "rate" else COUNT)
    assert got["longest"] < 0.001


def test_delay(seen: dict[str, dict[str, Any]]) -> None:
    """Every datagram takes 40 ms, to a tenth of a millisecond."""
    got = seen["delay"]["there"]
    assert got["arrived"] == COUNT
    assert got["shortest"] == pytest.approx(0.040, abs=1e-4)
    assert got["longest"] == pytest.approx(0.040, abs=1e-4)


def test_jitter(seen: dict[str, dict[str, Any]]) -> None:
    """Delays fill 30 to 50 ms evenly: the mean lies within its standard error, the ends are nearly reached."""
    got = seen["jitter"]["there"]
    deviation = 0.020 / math.sqrt(12) / math.sqrt(COUNT)
    assert got["mean"] == pytest.approx(0.040, abs=SIGMAS * deviation)
    assert 0.030 - 1e-4 <= got["shortest"] < 0.031
    assert 0.049 < got["longest"] <= 0.050 + 1e-4


def test_loss(seen: dict[str, dict[str, Any]]) -> None:
    """A tenth is lost."""
    assert COUNT - seen["loss"]["there"]["arrived"] in band(0.10)


def test_duplicate(seen: dict[str, dict[str, Any]]) -> None:
    """A tenth arrives twice, and nothing is lost."""
    got = seen["duplicate"]["there"]
    assert got["twice"] in band(0.10)
    assert got["arrived"] == COUNT


def test_reorder(seen: dict[str, dict[str, Any]]) -> None:
    """A tenth is not delayed and overtakes; nearly all others arrive after a later one."""
    got = seen["reorder"]["there"]
    assert got["shortest"] < 0.001
    mean_delay = 0.9 * 0.040
    assert got["mean"] == pytest.approx(mean_delay, abs=SIGMAS * 0.040 * math.sqrt(0.09 / COUNT))
    assert got["late"] > COUNT // 2


def test_rate(seen: dict[str, dict[str, Any]]) -> None:
    """100-byte packets (114 with Ethernet) each millisecond over 80 kbit/s queue up: the last waits for all others."""
    got = seen["rate"]["there"]
    assert got["arrived"] == 200
    assert got["longest"] == pytest.approx(200 * 114 * 8 / 80_000 - 0.2, rel=0.02)
