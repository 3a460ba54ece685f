"""``lab run``: what it prints, what it leaves, how it exits."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, SHORT, run

pytestmark = pytest.mark.e2e

SUBSCRIPTION = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
ONLY = ("--only", "strategy=none", "--only", "strategy=hold-transport")


@pytest.fixture(scope="module")
def lost(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in which one client is unreachable and another is not, in virtual time."""
    home = tmp_path_factory.mktemp("lost")
    out = home / "runs"
    done = run("run", SUBSCRIPTION, *ONLY, "--clock", "virtual", "--out", out, home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "latest"


@pytest.mark.xdist_group("why")
@pytest.mark.parametrize(("names", "told"), [((), ["none"]), (("hold-transport",), ["hold-transport"])])
def test_why(lost: Path, names: tuple[str, ...], told: list[str]) -> None:
    """Explains the cells named, or those that did not pass; the lines it points at are what it says they are."""
    done = run("why", *names, "--run", lost, home=lost.parent)
    assert done.returncode == 0, done.stderr
    sentences = done.stdout.splitlines()
    assert [sentence.partition(":")[0] for sentence in sentences if not sentence.startswith(" ")] == told
    lines = (lost / "cells" / told[0] / "record.jsonl").read_text().splitlines()
    shown = {
        text: json.loads(lines[int(number) - 1]) for text, number in re.findall(r"(.*) \(lines? (\d+)", done.stdout)
    }
    assert [(line["who"], line["ev"]) for line in shown.values()] == (
        [("client", "packet")]  # of the one that passed: the end of the longest quiet
        if names
        else [("client", "transport"), ("server", "flow"), ("server", "probe"), ("server", "probe")]
    )
    assert all(f"at {line['t']:.1f} s" in text for text, line in shown.items())


@pytest.mark.xdist_group("why")
@pytest.mark.parametrize(
    ("cell", "folder", "said"),
    [("xyz", "latest", "one of none, hold-transport"), ("none", "nowhere", "not a run's folder")],
)
def test_why_not(lost: Path, cell: str, folder: str, said: str) -> None:
    """A cell or a run that is not there: status 2, and what is."""
    done = run("why", cell, "--run", lost.parent / folder, home=lost.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


@pytest.fixture
def broken_claim(tmp_path: Path) -> Path:
    """The short scenario, claiming what will not be seen."""
    scenario = tmp_path / "project" / "broken.yaml"
    scenario.parent.mkdir()
    shutil.copytree(ROOT / "topologies", scenario.parent / "topologies")
    scenario.write_text(SHORT.read_text().replace("verdict: pass", "verdict: fail"))
    return scenario


def test_what_a_run_leaves(tmp_path: Path) -> None:
    """A run folder holds the scenario, the report, and per cell record, logs, and captures."""
    done = run("run", SHORT, "--clock", "real", "--split", "--out", tmp_path / "runs", "--json", home=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    folder = tmp_path / "runs" / "latest"
    assert json.loads((folder / "report.json").read_text()) == report
    assert (folder / "scenario.yaml").read_text() == SHORT.read_text()
    for cell in report["cells"]:
        left = {path.name for path in (folder / cell["folder"]).iterdir()}
        assert left >= {
            "cell.json",
            "network.txt",
            "record.jsonl",
            "client.log",
            "cell.pcapng",
            "lan.pcapng",
            "access.pcapng",
            "core.pcapng",
        }
        assert cell["axes"] == {"strategy": cell["name"]}
        assert (cell["verdict"], cell["claim"]["holds"]) == ("pass", True)
    assert "proves no mitigation" in report["warnings"][0]  # `none` passes: the silence is too short


def test_broken_claim(tmp_path: Path, broken_claim: Path) -> None:
    """A claim that does not hold: status 1, and the table says what was claimed and what was seen."""
    done = run("run", broken_claim, "--clock", "real", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 1
    assert "claimed fail, seen pass" in done.stdout
    assert "\nnone: pass, 1 of 1 probes answered\n" in done.stdout  # and below it why the cell came out as it did


def test_only_seed_jobs(tmp_path: Path) -> None:
    """--only runs the cells named, --seed reaches the cell, --jobs 1 runs cells one after the other."""
    done = run(
        "run",
        SHORT,
        "--clock",
        "real",
        "--out",
        tmp_path,
        "--only",
        "strategy=none",
        "--seed",
        "77",
        "--json",
        home=tmp_path,
    )
    report = json.loads(done.stdout)
    assert ([cell["name"] for cell in report["cells"]], report["seed"]) == (["none"], 77)
    assert json.loads((tmp_path / "latest/cells/none/cell.json").read_text())["seed"] == 77
    done = run("run", SHORT, "--clock", "real", "--out", tmp_path, "--jobs", "1", "--json", home=tmp_path)
    assert done.returncode == 0
    first, second = (tmp_path / "latest" / "cells" / cell["name"] for cell in json.loads(done.stdout)["cells"])
    assert (second / "server.out").stat().st_ctime >= (first / "record.jsonl").stat().st_mtime


@pytest.mark.parametrize(
    ("choice", "said"),
    [("strategy=nine", "one of hold-transport, none"), ("colour=red", "strategy"), ("none", "AXIS=VALUE")],
)
def test_wrong_choice(tmp_path: Path, choice: str, said: str) -> None:
    """A choice that matches nothing is a problem like any other: status 2, nothing started."""
    done = run("run", SHORT, "--clock", "real", "--out", tmp_path / "runs", "--only", choice, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()


def test_unwritable_out(tmp_path: Path) -> None:
    """A run folder that cannot be made is the host's fault: status 3, with the way out."""
    (tmp_path / "file").write_text("")
    done = run("run", SHORT, "--clock", "real", "--out", tmp_path / "file", home=tmp_path)
    assert done.returncode == 3
    assert "--out DIR" in done.stderr
