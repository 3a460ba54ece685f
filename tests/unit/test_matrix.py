"""The table at the end of a run with several axes: strategies against everything else, in any width."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.console import Console

from lab.errors import LabError, LabFault
from lab.loader import catalog
from lab.model.outcome import CostUntilLoss, Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from lab.report import terminal
from tests.records import cell, judged

EMPTY = judged(cell())


def outcome(verdict: Verdict, *, holds: bool | None = None, packets: float = 0.0, measured: bool = True) -> Outcome:
    metrics = replace(EMPTY.metrics, packets_per_hour=packets, radio_wakeups_per_hour=packets / 4, measured=measured)
    return replace(EMPTY, verdict=verdict, claim_holds=holds, metrics=metrics)


def result(strategy: str, failure: str, came: Outcome | LabError) -> tuple[Cell, Outcome | LabError]:
    return replace(cell(), name=f"{strategy},{failure}", axes=(("strategy", strategy), ("failure", failure))), came


def printed(results: list[tuple[Cell, Outcome | LabError]], *, width: int = 80) -> str:
    console = Console(width=width, highlight=False, color_system=None, force_terminal=True)
    scenario = Scenario(
        name="s", file="", text="", title="A title", why="", source="", cells=tuple(cell for cell, _ in results)
    )
    with console.capture() as captured:
        terminal.show(console, scenario, results)
    return captured.get()


def many(strategies: list[str], failures: list[str]) -> list[tuple[Cell, Outcome | LabError]]:
    return [
        result(strategy, failure, outcome(Verdict.PASS, packets=1234.0))
        for strategy in strategies
        for failure in failures
    ]


def test_a_matrix() -> None:
    """A sign for each cell, what rows come to, and below it what letters and signs mean; what is not there is blank."""
    results = [
        result("none", "idle", outcome(Verdict.FAIL, holds=True, packets=10)),
        result("none", "reboot", outcome(Verdict.FAIL, holds=False, packets=20)),
        result("hold", "idle", outcome(Verdict.PASS, holds=True, packets=1500)),
        result("hold", "reboot", LabFault("the world froze")),
        result("ping", "idle", replace(outcome(Verdict.UNSUPPORTED), doubt="no TLS")),
    ]
    assert (
        printed(results)
        == """\
A title
strategy  a b   passed  pkt/h  wake/h  bytes/h
──────────────────────────────────────────────
none      ✗ ✗!     0/2     15       4        0
hold      ✓ E      1/1  1,500     375        0
ping      —

a idle  b reboot
✓ pass  ✗ fail  — unsupported  E error  ! not as claimed
— 1 cell: no TLS
5 cells: 1 pass, 2 fail, 1 unsupported, 1 error; 2 of 3 claims hold

"""
    )


def test_estimated_costs_are_marked() -> None:
    """As in the list, with the word for it below."""
    text = printed([result("none", "idle", outcome(Verdict.PASS, packets=8, measured=False))])
    assert "  ~8  " in text
    assert "~ estimated from the cell itself" in text


def test_costs_of_a_lost_client_are_marked() -> None:
    """It was out of reach for some time of the hour, so they look lower than they are."""
    seen = outcome(Verdict.FAIL, packets=8)
    gone = replace(seen, metrics=replace(seen.metrics, lost=CostUntilLoss(at_s=60.0, packets=2, bytes=60, wakeups=1)))
    assert "  8*  " in printed([result("none", "idle", gone)])
    assert "*" not in printed([result("none", "idle", seen)])


def test_the_whole_article_fits_eighty_columns() -> None:
    """25 strategies with the longest names against 14 failures: no line is longer, and no column is lost."""
    strategies = sorted(catalog.strategy_names(), key=len)[-25:]
    failures = [f"a-failure-with-a-name-{number}" for number in range(14)]
    lines = printed(many(strategies, failures)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["strategy", *"abcdefghijklmn", "passed", "pkt/h"]
    assert lines[3].split()[1:] == [*"✓" * 14, "14/14", "1,234"]
    assert [label for label in failures if f" {label}" not in "\n".join(lines)] == []


def test_more_columns_than_letters_turn_the_matrix() -> None:
    """Few strategies against 108 ways go across, each way is a row with its name."""
    failures = [f"tcp, box-{number}" for number in range(108)]
    lines = printed(many(["none", "crlf"], failures)).splitlines()
    assert lines[1].split() == ["a", "b"]
    assert [line[:12].rstrip() for line in lines[3:111]] == failures
    assert "a none (108/108 passed)  b crlf (108/108 passed)" in lines


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_table_that_fits_nowhere_is_folded(width: int) -> None:
    """Many rows against many columns come in parts, and each cell is in one of them."""
    text = printed(many([f"s{number}" for number in range(30)], [f"f{number}" for number in range(40)]), width=width)
    assert max(map(len, text.splitlines())) <= max(width, len("  reboot 12345 ") + 20)
    assert len(re.findall("✓", text)) == 30 * 40 + 1  # and once where it is explained
    assert {"aa f0", "bn f39"} <= set(re.findall(r"\b[a-z]{2} f\d+", text))


def test_reasons_are_said_once() -> None:
    """Many cells with one doubt have one line; many doubts do not flood the window."""
    doubts = ["the same"] * 5 + [f"doubt {number}" for number in range(7)]
    results = [
        result(f"s{number}", "idle", replace(outcome(Verdict.INCONCLUSIVE), doubt=doubt))
        for number, doubt in enumerate(doubts)
    ]
    said = [line for line in printed(results).splitlines() if line.startswith("? ") and ":" in line]
    assert said[0] == "? 5 cells: the same"
    assert len(said) == 6
    assert said[-1] == "? and 3 other reasons: --list"
