"""A run folder that was damaged: one sentence that names the file, and what can be read is reported."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from lab.cli.report import report_again
from lab.cli.why import why
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.errors import HostNotCapable, ScenarioError
from lab.report import files
from tests.fuzz import run_folders, tries

TRIES = 240


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return run_folders.unpack(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return run_folders.unpack(tmp_path)


def problems(folder: Path) -> str:
    with pytest.raises(ScenarioError) as caught:
        report_again(folder, json=False)
    assert caught.value.exit_code == 2
    return str(caught.value).replace(f"{folder}/", "")


def test_the_kept_run_is_whole(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report_again(run, json=False) == 0
    assert why([], run) == 0
    assert {each.name: each.verdict.value for each in Run.open(run)} == {"none": "fail", "options-ping-25s": "pass"}


@pytest.mark.parametrize("part", range(8))
def test_any_damage(part: int, whole: Path) -> None:
    """Whatever is damaged, reports are written or a sentence names the file; nothing hangs, nothing else is touched."""
    for seed in range(part * TRIES // 8, (part + 1) * TRIES // 8):
        tries.damaged_run(seed, whole)


@pytest.mark.parametrize("how", run_folders.WAYS, ids=lambda how: how.__name__)
def test_every_way_of_damage_is_one(how: run_folders.Way, run: Path) -> None:
    """The fuzzer does something."""
    before = {path: path.read_bytes() for path in run_folders.files(run)}
    how(run / "cells" / "none" / "record.jsonl", random.Random(1))
    after = {path: path.is_symlink() or path.stat().st_size for path in run.rglob("*") if not path.is_dir()}
    assert after != {path: len(data) for path, data in before.items()} or any(
        path.read_bytes() != data for path, data in before.items() if path.is_file()
    )


@pytest.mark.parametrize("first", ["run.json", "cells/none/record.jsonl"])
def test_nothing_outside_a_run_is_damaged(first: str, run: Path) -> None:
    """Once a folder, even the run's own, is a link out, what is behind it is nobody's to damage."""
    run_folders.folder_linked_out(run / first, random.Random(1))
    assert all(path.resolve().is_relative_to(run.parent.resolve() / "kept") for path in run_folders.files(run))
    for seed in range(50):
        run_folders.damage(run, random.Random(seed))
    assert [path.name for path in (run.parent / "outside").iterdir()] == ["secret"]
    assert (run.parent / "outside" / "secret").read_text("utf-8") == run_folders.SECRET


def test_what_can_be_read_is_reported(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "cells" / "none" / "cell.json").write_text("{")
    text = problems(run)
    assert text.startswith("cells/none/cell.json: not the file of a cell, got ")
    assert "options-ping-25s  pass" in capsys.readouterr().out
    assert "options-ping-25s" in (run / "report.html").read_text("utf-8")


def test_damaged_record_is_its_cells_alone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = run / "cells" / "none" / "record.jsonl"
    lines = record.read_bytes().splitlines(keepends=True)
    record.write_bytes(b"".join([*lines[:20], b"oops\n", *lines[20:]]))
    assert problems(run).startswith("cells/none/record.jsonl:21: not a line of a record, got ")
    out = capsys.readouterr().out
    assert "none              error" in out
    assert "options-ping-25s  pass" in out
    with pytest.raises(ScenarioError, match=r"record\.jsonl:21"):
        why(["none"], run)
    with pytest.raises(ScenarioError, match=r"record\.jsonl:21"):
        _ = Run.open(run)["none"].outcome


@pytest.mark.parametrize(
    ("file", "sentence"),
    [
        ("run.json", "run.json: not a file; "),
        ("cells/none/cell.json", "cells/none/cell.json: not a file; "),
        ("cells/none/record.jsonl", "cells/none/record.jsonl: not a file; "),
        ("twins/options-ping-25s,at-19.025s/twin.json", "twins/options-ping-25s,at-19.025s/twin.json: not a file; "),
        ("twins/options-ping-25s,at-19.025s/record.jsonl", "twins/options-ping-25s,at-19.025s/record.jsonl: not a fil"),
        ("scenario.yaml", "scenario.yaml: not a file; "),
    ],
)
def test_fifo(run: Path, file: str, sentence: str) -> None:
    (run / file).unlink()
    os.mkfifo(run / file)
    assert problems(run).startswith(sentence)


def test_lost_record(run: Path) -> None:
    """A run that was over has a record of each cell; one that was cut short need not."""
    (run / "cells" / "none" / "record.jsonl").unlink()
    assert problems(run).startswith("cells/none/record.jsonl: not there, or empty; ")
    about = RunFolder(run)
    about.write_about({**about.about(), "finished": False})
    assert report_again(run, json=False) == 0


def test_folder_that_is_none(tmp_path: Path) -> None:
    assert "not a run's folder; use the folder of a run" in problems(tmp_path)


@pytest.mark.parametrize(
    ("about", "sentence"),
    [
        ({"format": 3}, "run.json: of another format, got 3; expected 1, or the release of the lab that wrote it"),
        ({"cells": ["cells/../../etc"]}, "run.json: not what a run writes there, got "),
        ({"cells": "cells/none"}, "run.json: not what a run writes there, got Expected `array`, got `str`"),
        ({"errors": {"cells/none": {"side": "lab"}}}, "run.json: not what a run writes there, got Object missing"),
        ({"scenario": None}, "run.json: not what a run writes there, got "),
    ],
)
def test_run_json_of_another_shape(run: Path, about: dict[str, object], sentence: str) -> None:
    folder = RunFolder(run)
    folder.write_about({**folder.about(), **about})
    assert problems(run).startswith(sentence)


def test_reports_replace_what_is_in_their_place(run: Path, tmp_path: Path) -> None:
    """A link is replaced, not followed, and so is a FIFO; a folder stays, and is named."""
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (run / "report.html").symlink_to(precious)
    os.mkfifo(run / "report.csv")
    assert report_again(run, json=False) == 0
    assert precious.read_text() == "precious"
    assert not (run / "report.html").is_symlink()
    (run / "report.html").unlink()
    (run / "report.html").mkdir()
    assert problems(run) == "report.html: cannot be written: a folder is in its place; remove it"


def test_folder_that_cannot_be_written(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is this machine's fault; with the name of the file and the way out."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(HostNotCapable, match=r"cannot write .*: permission denied; ") as caught:
        files.write(Run.open(run))
    assert caught.value.exit_code == 3


def test_name_that_is_not_utf_8(tmp_path: Path, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run is not begun in such a folder, for its programs are told its name; one that lies there is reported."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    with pytest.raises(ScenarioError, match="the folder's name is not UTF-8; choose another folder with --out DIR"):
        RunFolder.make(odd, Run.open(run).scenario, {})
    run.rename(odd / "kept")
    assert report_again(odd / "kept", json=False) == 0
    assert r"caf\udce9" in capsys.readouterr().out
