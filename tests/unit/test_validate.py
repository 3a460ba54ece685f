"""``lab validate``: what scenario files come to, without running them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import lab
from lab.cli.main import app
from lab.cli.validate import AS_LAB_RUN, sentences
from lab.engine.estimate import Estimate, estimate
from lab.errors import ScenarioError
from lab.model.twin import NO_TWINS

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "errors" / "cases"
IDLE = str(ROOT / "scenarios" / "article" / "idle-subscription.yaml")


def scenario(**changed: Any) -> lab.Scenario:
    return lab.build(
        {
            "title": "t",
            "topology": "home-nat",
            "middlebox": "silent-60s",
            "matrix": {"strategy": ["none", "crlf-30s"], "transport": ["udp", "tcp"]},
            "probes": [{"at": "45 s"}],
            "ends": "100 s",
            **changed,
        }
    )


@pytest.fixture(autouse=True)
def _two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})


def test_what_a_scenario_comes_to() -> None:
    """Cells that can exist, those that cannot, twins that are known before, and times that follow from them."""
    found = estimate(scenario(), AS_LAB_RUN)
    assert (found.cells, found.unsupported, found.twins, found.more_twins) == (3, 1, 3, 3)
    assert found.lasting_s == 300
    assert found.real_s == 2 * 103  # a cell and its twin, all cells side by side
    assert found.runs == 9  # strategies and transports make worlds of their own
    work = 6 * 0.4 + 3.6e-5 * (6 * 100) + 3 * (0.4 + 3.6e-5 * 3600)
    assert found.virtual_s == pytest.approx(1.5 + work / 2)


def test_what_cells_share_runs_once() -> None:
    """Profiles are one world if their timers are longer than the cell and they answer what they forgot alike."""
    boxes = ["home-typical", "linux-default", "openwrt", "silent-60s"]
    content = {
        "title": "t",
        "topology": "home-nat",
        "transport": "tcp",
        "matrix": {"middlebox": boxes},
        "ends": "100 s",
    }
    found = estimate(lab.build({**content, "probes": [{"at": "45 s"}]}), AS_LAB_RUN)
    assert (found.cells, found.twins, found.more_twins) == (4, 4, 4)
    assert found.runs == 3 + 3 + 1  # what is forgotten is no part of a silent hour
    assert found.virtual_s == pytest.approx(1.5 + (6 * (0.4 + 3.6e-3) + 0.4 + 3.6e-5 * 3600) / 2)


def test_without_twins() -> None:
    """Then there are none, and it takes less."""
    alone, all_of_it = (estimate(scenario(), wanted) for wanted in (NO_TWINS, AS_LAB_RUN))
    assert (alone.twins, alone.more_twins) == (0, 0)
    assert alone.virtual_s < all_of_it.virtual_s
    assert alone.real_s == 103


def test_many_cells_take_turns_in_real_time() -> None:
    """64 cells wait in two rounds."""
    many = scenario(matrix={"transport": ["tcp"], "failure": [{"name": f"f{number}"} for number in range(64)]})
    assert estimate(many, NO_TWINS).real_s == 2 * 103


def test_what_is_said() -> None:
    """Estimates are called so."""
    made = scenario(matrix={"strategy": ["crlf-30s", "hold-transport"], "transport": ["tcp", "udp"]})
    told = Estimate(
        cells=2, unsupported=2, twins=2, more_twins=2, runs=4, lasting_s=200, virtual_s=8.4, real_s=206, processors=1
    )
    assert list(sentences(made, told)) == [
        "./scenario.yaml: 2 cells (2 × strategy, 2 × transport)".removeprefix("./"),
        "  2 more cells cannot exist (`unsupported`) and will not be run",
        "  claims speak of 0 of 4 cells",
        "  note: strategy `none` is not among these cells: nothing shows that the others make a difference",
        "  the cells last 3 min together, in their own time",
        "  besides, 2 twins of cells, and up to 2 that follow from what cells show (docs/verdicts.md)",
        "  about 4 of these 6 are likely to run; the others share a record",
        "  estimate for `lab run` in virtual time, 1 processor: about 8 s",
        "  estimate for `lab run --clock real`: about 3 min",
    ]


def test_the_command() -> None:
    """Good files: status 0, and JSON has what is said."""
    ended = CliRunner().invoke(app, ["validate", IDLE, "--json"])
    assert ended.exit_code == 0
    told = json.loads(ended.stdout)
    (file,) = told["files"]
    assert (told["valid"], told["problems"]) == (True, [])
    assert (file["file"], file["cells"], file["claimed"], file["lasting_s"]) == (IDLE, 4, 4, 424.0)
    assert file["axes"] == {"strategy": ["none", "options-ping-25s", "options-ping-40s", "hold-transport"]}
    assert file["estimate"]["processors"] == 2
    assert CliRunner().invoke(app, ["validate", IDLE, "--only", "strategy=none"]).stdout.startswith(f"{IDLE}: 1 cell\n")


def test_wrong_files() -> None:
    """Status 2 with all problems of all files; what is right is told all the same."""
    words, tab = str(CASES / "words.yaml"), str(CASES / "tab.yaml")
    ended = CliRunner().invoke(app, ["validate", words, IDLE, tab])
    assert isinstance(ended.exception, ScenarioError)
    assert {problem.file for problem in ended.exception.problems} == {words, tab}
    assert ended.stdout.startswith(f"{IDLE}: 4 cells\n")
    as_json = CliRunner().invoke(app, ["validate", words, IDLE, tab, "--json"])
    told = json.loads(as_json.stdout)
    assert (as_json.exit_code, told["valid"], len(told["files"])) == (2, False, 1)
    assert {problem["file"] for problem in told["problems"]} == {words, tab}
