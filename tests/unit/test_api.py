"""The public Python interface, as far as it runs no cell."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import lab
from lab import api
from lab.engine import prepare, search
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.errors import HostNotCapable, LabFault
from lab.worlds.clock import Clock

SCENARIO = {
    "title": "t",
    "topology": "home-nat",
    "middlebox": "silent-60s",
    "matrix": {"strategy": ["none", "hold-transport"], "transport": ["tcp", "tls"]},
    "probes": [{"at": "45 s"}],
    "ends": "60 s",
}


def test_importing_the_package_loads_nothing() -> None:
    """Neither a module of the lab's nor any package it uses."""
    program = "import sys; before = set(sys.modules); import lab; print(*sorted(set(sys.modules) - before))"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert set(shown) <= {"lab", "typing", "importlib", "warnings", *sys.stdlib_module_names} | {
        name for name in shown if name.split(".")[0] in sys.stdlib_module_names
    }


@pytest.mark.parametrize("name", [name for name in lab.__all__ if name != "__version__"])
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(lab, name).__doc__
    assert name in dir(lab)


def test_no_other_name_is() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        lab.nonsense  # noqa: B018


def test_a_mapping_is_a_scenario() -> None:
    """What would stand in a file, in the file's own order, checked as a file is."""
    scenario = lab.build(SCENARIO, name="mine")
    assert scenario.name == "mine"
    assert [cell.name for cell in scenario.cells] == [
        "none,tcp",
        "none,tls",
        "hold-transport,tcp",
        "hold-transport,tls",
    ]
    with pytest.raises(lab.ScenarioError, match="middlebox"):
        lab.build({**SCENARIO, "middlebox": "nonsense"})


def test_text_is_a_scenario() -> None:
    text = json.dumps(SCENARIO)  # which is YAML
    assert [cell.name for cell in lab.build(text).cells] == [cell.name for cell in lab.build(SCENARIO).cells]


def test_a_run_that_was_killed_can_be_opened(tmp_path: Path) -> None:
    """Its folder says what was run; what has no record yet has a verdict all the same."""
    scenario = lab.build(SCENARIO)
    folder = RunFolder.make(tmp_path, scenario, {"clock": "virtual", "backend": "netns"})
    run = lab.open_run(folder.path)
    assert (run.finished, run.clock, run.backend, len(run)) == (False, "virtual", "netns", 4)
    assert run.scenario.title == "t"
    assert [each.name for each in run] == [cell.name for cell in scenario.cells]
    assert run["none", "tls"].cell == run["none,tls"].cell
    assert run["none", "tls"].verdict is lab.Verdict.INCONCLUSIVE
    assert run["none", "tls"].outcome.doubt == "the cell was not run"
    with pytest.raises(KeyError, match="no cell 'nonsense'"):
        run["nonsense"]


def test_errors_are_kept_with_the_run(tmp_path: Path) -> None:
    scenario = lab.build(SCENARIO)
    folder = RunFolder.make(tmp_path, scenario, {})
    first, second, *_ = scenario.cells
    errors = {folder.cell(first): HostNotCapable("no such thing", fix="get it"), folder.cell(second): LabFault("oh")}
    folder.finish(errors, finished=True)
    run = api.open_run(folder.path)
    assert run.finished
    with pytest.raises(HostNotCapable, match="no such thing; get it"):
        run["none", "tcp"].verdict  # noqa: B018
    with pytest.raises(LabFault, match="oh"):
        run["none", "tls"].verdict  # noqa: B018


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 99}'])
def test_a_damaged_run_file_is_said_in_a_sentence(tmp_path: Path, content: str) -> None:
    (tmp_path / "run.json").write_text(content)
    with pytest.raises(lab.ScenarioError, match=r"run\.json: (not what a run writes there|of another format), got "):
        lab.open_run(tmp_path)


def test_a_folder_of_anything_is_none_of_a_run(tmp_path: Path) -> None:
    with pytest.raises(lab.ScenarioError, match="not a run's folder"):
        lab.open_run(tmp_path)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """The requests that reach the engine, which runs none."""
    requests: list[RunRequest] = []

    def take(orders: Sequence[RunRequest], *_: object) -> list[Run]:
        requests.extend(orders)
        raise LabFault("enough")

    monkeypatch.setattr(api, "execute", take)
    monkeypatch.setattr(search, "execute", take)
    monkeypatch.setattr(api, "clean_up", lambda *_, **__: [])
    monkeypatch.setattr(prepare, "decide", lambda *_: Clock.VIRTUAL)
    return requests


def test_what_reaches_the_engine(asked: list[RunRequest]) -> None:
    """Of `run`, `tune` and `explore`: how many cells, how much memory, whether captures are split."""
    scenario = lab.build(SCENARIO)
    with pytest.raises(LabFault):
        lab.run(scenario, jobs=3, memory_mb=512, split=True, fresh=True)
    with pytest.raises(LabFault):
        lab.run(scenario)
    ranges = {"interval": "10s..60s"}
    with pytest.raises(LabFault):
        lab.tune(scenario, strategy="crlf-30s-hold", vary=ranges, jobs=3, memory_mb=512)
    with pytest.raises(LabFault):
        lab.explore(scenario, strategy="hold-transport", timelines=1, jobs=3)
    told, usual, tuned, explored = asked
    assert (told.jobs, told.memory_mb, told.split, told.fresh) == (3, 512, True, True)
    assert (usual.jobs, usual.split, usual.fresh) == (None, False, False)
    assert (tuned.jobs, tuned.memory_mb) == (3, 512)
    assert explored.jobs == 3
    assert not explored.shares  # a finding is confirmed by a run of its own
