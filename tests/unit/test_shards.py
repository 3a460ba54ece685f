"""Shards have all cells between them, each once; several runs of shards make one run folder."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.cli.merge import merge_runs
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.shards.merge import merge
from lab.engine.shards.shard import Shard, part_of
from lab.engine.twins import cells as twin_cells
from lab.engine.twins.folder import Twins
from lab.errors import LabFault, ScenarioError
from lab.loader.load import load
from lab.model.scenario import Cell, Claim, Scenario, Strategy
from lab.model.twin import Silent, Twin
from lab.model.verdict import Verdict
from lab.record import codec
from lab.record.events import VERSION, RecordBegan
from lab.record.writer import FILE_NAME, RUNNER
from tests.records import END, Line, cell, flow_set_up, numbered, probe, say, sentinel

ROOT = Path(__file__).parents[2]
BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
PASSES = (BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)


def test_how_a_shard_is_written() -> None:
    """As NUMBER/OF."""
    assert Shard.parse("2/5") == Shard(2, 5)
    assert str(Shard(2, 5)) == "2/5"
    for text in ("", "2", "0/5", "6/5", "2/0", "-1/5", "1/5/5", "a/b", "01/5", "1 / 5", "\u0661/\u0665", "1/99999"):
        with pytest.raises(ScenarioError, match=r"--shard: no shard, got .*expected NUMBER/OF"):
            Shard.parse(text)


ARTICLE = load(ROOT / "scenarios" / "article" / "all.yaml")


@pytest.mark.parametrize(("whole", "of"), [(ARTICLE, 3), *(("small", of) for of in (1, 2, 3, 4, 6))])
def test_shards_have_all_cells_between_them(whole: Scenario | str, of: int) -> None:
    """Each once, in the scenario's order, as many as any other or one more; those with one silent hour together."""
    whole = scenario() if isinstance(whole, str) else whole
    parts = [part_of(whole, Shard(number, of)) for number in range(1, of + 1)]
    names = [[each.name for each in part.cells] for part, _ in parts]
    order = [each.name for each in whole.cells]
    assert sorted(name for part in names for name in part) == sorted(order)
    assert all(part == sorted(part, key=order.index) for part in names)
    assert {len(part) for part in names} <= {len(order) // of, -(-len(order) // of)}
    assert {told.cells for _, told in parts} == {tuple(order)}
    assert len({told.digest for _, told in parts}) == 1
    hours = [{twin_cells.silent(each, 3600.0).name for each in part.cells} for part, _ in parts]
    assert sum(map(len, hours)) <= len(set().union(*hours)) + 3 * (of - 1)  # a cut goes through one strategy's hours


def test_the_digest_of_the_whole() -> None:
    """It tells what --only, --seed and --server have made of the scenario; not where it lies."""
    one = scenario()
    others = (
        replace(one, cells=one.cells[1:]),
        replace(one, cells=tuple(replace(each, seed=2) for each in one.cells)),
        replace(one, cells=tuple(replace(each, folder="/elsewhere", wheel="/x") for each in one.cells)),
    )
    digests = [part_of(each, Shard(1, 2))[1].digest for each in (one, *others)]
    assert len(set(digests)) == 3
    assert digests[0] == digests[3]


# Merging


def scenario() -> Scenario:
    """Four cells, each with a strategy of its own; the last one claims something."""
    names = ("one", "two", "three", "four")
    claims = (None, None, None, Claim(verdict=Verdict.PASS))
    cells = tuple(
        replace(cell(), name=name, axes=(("strategy", name),), strategy=Strategy(name=name), seed=number, claim=claim)
        for number, (name, claim) in enumerate(zip(names, claims, strict=True))
    )
    return Scenario(name="s", file="s.yaml", text="title: s\n", title="S", why="", source="", cells=cells)


def write(folder: Path, *lines: Line) -> None:
    """Leave a record and a capture."""
    text = "".join(codec.to_line(each.t, each.who, each.event).decode() for each in numbered(*lines))
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    (folder / "lan.pcapng").write_bytes(b"capture")


ABOUT: dict[str, Any] = {
    "clock": "virtual",
    "backend": "netns",
    "seeds": [0],
    "versions": {"lab": "1", "kernel": "k", "python": "3", "record": 2, "sources": "s", "pjsip": ["2.15.1"]},
    "twins": {"moments": 0},
}


def shard(
    out: Path,
    number: int,
    of: int = 2,
    *,
    whole: Scenario | None = None,
    finished: bool | None = True,
    ran: Callable[[Cell], bool] = lambda cell: True,
    **about: Any,
) -> Path:
    """A run of a shard, in which some cells ran to their end."""
    part, told = part_of(whole or scenario(), Shard(number, of))
    folder = RunFolder.make(out / f"{number}", part, {**ABOUT, "shard": told.to_json(), **about})
    for each in part.cells:
        if ran(each):
            write(folder.cell(each), *PASSES)
    if finished is not None:
        folder.finish({}, finished=finished)
    return folder.path


def test_two_halves_make_a_whole(tmp_path: Path) -> None:
    """Whatever their order; each cell is judged as before, and nothing of it is lost."""
    halves = [shard(tmp_path, number) for number in (1, 2)]
    merged = merge(halves[::-1], tmp_path / "merged")
    run = merged.run
    assert run.finished
    assert (merged.missing, merged.unfinished) == ([], [])
    assert [each.name for each in run] == ["one", "two", "three", "four"]
    assert {each.verdict for each in run} == {Verdict.PASS}
    assert run["four"].outcome.claim_holds is True
    assert run.scenario.text == "title: s\n"
    assert (run.clock, run.backend) == ("virtual", "netns")
    about = RunFolder(run.folder).about()
    assert about["seeds"] == [0, 1, 2, 3]
    assert "shard" not in about
    for half in halves:
        for file in half.glob("cells/*/*"):
            assert (run.folder / file.relative_to(half)).read_bytes() == file.read_bytes()
    assert (run.folder / "tls" / "2" / "ca.pem").read_bytes() == (halves[1] / "tls" / "ca.pem").read_bytes()
    assert (tmp_path / "merged" / "latest").resolve() == run.folder


def test_a_shard_that_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are merged; the run is not finished, and what is missing is said."""
    runs = [shard(tmp_path, number, of=3) for number in (1, 3)]
    merged = merge(runs, tmp_path / "merged")
    assert not merged.run.finished
    assert merged.missing == ["two"]
    assert [each.name for each in merged.run] == ["one", "three", "four"]
    assert merge_runs(runs, out=tmp_path / "again", json=False, as_list=False) == 130
    assert "1 cell is in none of these shards: two" in capsys.readouterr().out


@pytest.mark.parametrize("finished", [None, False])
def test_a_shard_that_was_killed(tmp_path: Path, capsys: pytest.CaptureFixture[str], *, finished: bool | None) -> None:
    """Its cells count as far as they came."""
    runs = [shard(tmp_path, 1, finished=finished, ran=lambda each: each.name == "one"), shard(tmp_path, 2)]
    merged = merge(runs, tmp_path / "merged")
    assert not merged.run.finished
    assert (merged.missing, merged.unfinished) == ([], runs[:1])
    assert [each.verdict for each in merged.run] == [
        Verdict.PASS,
        Verdict.INCONCLUSIVE,
        Verdict.PASS,
        Verdict.PASS,
    ]
    assert merge_runs(runs, out=tmp_path / "again", json=False, as_list=False) == 130
    assert "killed" in capsys.readouterr().out


def test_the_exit_status_is_that_of_lab_run(tmp_path: Path) -> None:
    """0 if all claims hold, 1 if one does not, that of an error if there is one; reports are written."""
    whole = replace(scenario(), cells=scenario().cells[2:])
    runs = [shard(tmp_path, number, whole=whole) for number in (1, 2)]
    assert merge_runs(runs, out=tmp_path / "merged", json=False, as_list=False) == 0
    report = json.loads((tmp_path / "merged" / "latest" / "report.json").read_text())
    assert [each["name"] for each in report["cells"]] == ["three", "four"]
    lost = (*PASSES[:-3], *probe(1, 100.0, answered=False), END)
    write(runs[1] / "cells" / "four", *lost)
    assert merge_runs(runs, out=tmp_path / "merged", json=False, as_list=False) == 1
    folder = RunFolder(runs[1])
    folder.finish({folder.path / "cells" / "four": LabFault("it broke")}, finished=True)
    assert merge_runs(runs, out=tmp_path / "merged", json=False, as_list=False) == 4


def test_all_that_differs_is_said_at_once(tmp_path: Path) -> None:
    """Nothing is written then."""
    other = replace(scenario(), text="title: t\n")
    versions = {**ABOUT["versions"], "kernel": "l", "lab": "2"}
    runs = [
        shard(tmp_path, 1),
        shard(tmp_path, 2, whole=other, clock="real", versions=versions, twins={"moments": 1}),
    ]
    with pytest.raises(ScenarioError) as caught:
        merge(runs, tmp_path / "merged")
    found = [str(problem).partition(": ")[2] for problem in caught.value.problems]
    assert sorted(found) == sorted(
        [
            f"differs in the scenario; expected the same as in {runs[0]}",
            f"differs in the clock, got `real`; expected `virtual`, as in {runs[0]}",
            f"differs in the twins; expected the same as in {runs[0]}",
            f"differs in the version of lab, got `2`; expected `1`, as in {runs[0]}",
            f"differs in the version of kernel, got `l`; expected `k`, as in {runs[0]}",
        ]
    )
    assert not (tmp_path / "merged").exists()


def test_shards_of_another_whole(tmp_path: Path) -> None:
    """Another number of shards, other seeds, other cells, cells that differ in something."""
    first = shard(tmp_path, 1)
    own = scenario().cells
    later = tuple(replace(each, seed=each.seed + 10) for each in own)
    swapped = tuple(replace(each, seed=other.seed) for each, other in zip(own, own[::-1], strict=True))
    wholes = {
        "differs in the number of shards": shard(tmp_path / "a", 3, 3),
        "differs in the seeds": shard(tmp_path / "b", 2, whole=replace(scenario(), cells=later)),
        "differs in the cells": shard(tmp_path / "c", 2, whole=replace(scenario(), cells=own[::-1])),
        "differs in the cells, by --only": shard(tmp_path / "d", 2, whole=replace(scenario(), cells=swapped)),
    }
    for text, folder in wholes.items():
        with pytest.raises(ScenarioError, match=text):
            merge([first, folder], tmp_path / "merged")


def test_cells_that_two_shards_have(tmp_path: Path) -> None:
    """They are named; nobody guesses which to take."""
    runs = [shard(tmp_path / name, 1) for name in ("a", "b")]
    with pytest.raises(ScenarioError, match=r"has cells that .* has as well: one, two.*give each shard once"):
        merge(runs, tmp_path / "merged")
    with pytest.raises(ScenarioError, match="give each shard once"):
        merge([runs[0], runs[0]], tmp_path / "merged")


def test_what_is_no_shard(tmp_path: Path) -> None:
    """A whole run, a folder that is no run's; all of them are named."""
    whole = RunFolder.make(tmp_path / "w", scenario(), ABOUT).path
    with pytest.raises(ScenarioError) as caught:
        merge([whole, tmp_path / "nothing", shard(tmp_path, 1)], tmp_path / "merged")
    assert {problem.what for problem in caught.value.problems} == {"not a shard", "not a run's folder"}


def silent_twin(run: Path, *, ran: bool, error: bool = False) -> Path:
    """A silent hour in a run."""
    subject = replace(twin_cells.silent(cell(), 3600.0), name="silent-0")
    folder = Twins(run).add(Twin(of="", role=Silent(over_s=3600.0)), subject)
    assert folder is not None
    if ran:
        write(folder, BEGAN, *flow_set_up(), END)
    if error:
        RunFolder(run).finish({folder: LabFault("it broke")}, finished=True)
    return folder


@pytest.mark.parametrize("ran", [(True, True), (True, False), (False, True)])
def test_a_silent_hour_that_two_shards_have(tmp_path: Path, ran: tuple[bool, bool]) -> None:
    """It is taken once, from where it ran, and without the other one's error."""
    runs = [shard(tmp_path, number) for number in (1, 2)]
    twins = [silent_twin(run, ran=each, error=not each) for run, each in zip(runs, ran, strict=True)]
    run = merge(runs, tmp_path / "merged").run
    (taken,) = (run.folder / "twins").iterdir()
    wanted = twins[0] if ran[0] else twins[1]
    assert (taken / FILE_NAME).samefile(wanted / FILE_NAME)
    assert RunFolder(run.folder).about()["errors"] == {}
    assert CellRun.open(taken).ran


def test_a_folder_from_elsewhere(tmp_path: Path) -> None:
    """Links and FIFOs of it are not followed; names lead nowhere."""
    runs = [shard(tmp_path, number) for number in (1, 2)]
    cell_folder = runs[0] / "cells" / "one"
    (cell_folder / "link").symlink_to("/etc/passwd")
    os.mkfifo(cell_folder / "fifo")
    (runs[0] / "twins").mkdir()
    (runs[0] / "twins" / "away").symlink_to("/etc")
    about = RunFolder(runs[0]).about()
    RunFolder(runs[0]).write_about({**about, "scenario": {**about["scenario"], "name": "../../up"}})
    run = merge(runs, tmp_path / "merged").run
    assert run.folder.parent == tmp_path / "merged"
    names = {path.name for path in (run.folder / "cells" / "one").iterdir()}
    assert names == {"cell.json", FILE_NAME, "lan.pcapng"}
    assert not (run.folder / "twins").exists()
    RunFolder(runs[0]).write_about({**about, "cells": ["cells/.."]})
    with pytest.raises(ScenarioError, match=r"run\.json"):
        merge(runs, tmp_path / "merged")
