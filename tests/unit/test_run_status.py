"""How ``lab run`` exits, and what it says on the way, from what came of the cells."""

from __future__ import annotations

import dataclasses
import io

import pytest
from rich.console import Console

from lab.cli import run_result
from lab.errors import HostNotCapable, LabError
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import Verdict
from tests.records import cell, judged
from tests.runs import run_of

EMPTY = judged(cell())


def came(verdict: Verdict, holds: bool | None, doubt: str = "") -> Outcome:
    return dataclasses.replace(EMPTY, verdict=verdict, claim_holds=holds, doubt=doubt)


@pytest.mark.parametrize(
    ("results", "status", "said"),
    [
        ([came(Verdict.PASS, True), came(Verdict.FAIL, None)], 0, ""),
        ([came(Verdict.PASS, False)], 1, ""),
        ([came(Verdict.INCONCLUSIVE, None, "who knows")], 1, ""),
        ([came(Verdict.UNSUPPORTED, None, "no TLS"), came(Verdict.PASS, None)], 0, ""),
        ([came(Verdict.UNSUPPORTED, True, "no TLS")], 0, ""),  # claimed, and so it is
        (
            [came(Verdict.UNSUPPORTED, None, "no TLS")],
            1,
            "nothing ran: the cell is `unsupported`, and no claim says so (no TLS)\n",
        ),
        (
            [came(Verdict.UNSUPPORTED, None, "no TLS"), came(Verdict.UNSUPPORTED, None, "no UDP")],
            1,
            "nothing ran: each of the 2 cells is `unsupported`, and no claim says so (no TLS; and 1 other reason)\n",
        ),
        (
            [HostNotCapable("no netem", fix="modprobe"), came(Verdict.PASS, False)],
            3,
            "host error: no netem; modprobe\n",
        ),
        ([], 0, ""),
    ],
)
def test_status(results: list[Outcome | LabError], status: int, said: str) -> None:
    """Nothing at all that could run, and nobody who said so, is no success."""
    cells: list[tuple[Cell, Outcome | LabError]] = [(cell(), result) for result in results]
    scenario = Scenario(name="s", file="", text="", title="", why="", source="", cells=tuple(each for each, _ in cells))
    console = Console(file=io.StringIO(), width=200)
    assert run_result.status(run_of(scenario, cells), console) == status
    assert console.file.getvalue() == said  # type: ignore[attr-defined]  # it is a StringIO
