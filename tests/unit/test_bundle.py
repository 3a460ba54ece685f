"""``lab bundle``: the file for a ticket is a run folder with one cell."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lab
from lab.cli.main import app
from lab.errors import HostNotCapable, ScenarioError
from tests.fuzz import run_folders


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run with several cells and twins."""
    return run_folders.unpack(tmp_path / "runs")


def bundle(tmp_path: Path, run: Path, *arguments: str) -> Path:
    path = tmp_path / "cell.zip"
    ended = CliRunner().invoke(app, ["bundle", "--run", str(run), "--to", str(path), *arguments])
    assert ended.exit_code == 0, ended.output
    assert "cell.zip" in ended.output
    return path


def unpacked(path: Path) -> Path:
    with zipfile.ZipFile(path) as file:
        file.extractall(path.parent / "unpacked")
    return path.parent / "unpacked" / "cell"


def test_every_cell_of_a_run(tmp_path: Path, run: Path) -> None:
    """The unpacked folder gives the same outcome, twins and costs included, and says how to run the cell again."""
    for number, cell in enumerate(lab.open_run(run)):
        place = tmp_path / str(number)
        place.mkdir()
        folder = unpacked(bundle(place, run, cell.name))
        (again,) = lab.open_run(folder)
        assert again.name == cell.name
        assert again.result == cell.result
        readme = (folder / "README.txt").read_text("utf-8")
        assert f"{cell.name}: {cell.verdict.value}" in readme
        only = " ".join(f"--only={axis}={label}" for axis, label in cell.cell.axes)
        assert f"lab run scenario.yaml {only} --seed={cell.cell.seed}" in readme
        (own,) = (each for each in lab.load(folder / "scenario.yaml").cells if each.name == cell.name)
        assert own.topology == cell.cell.topology


def test_the_same_cell_gives_the_same_file(tmp_path: Path, run: Path) -> None:
    name = lab.open_run(run).cells[0].name
    first = bundle(tmp_path, run, name).read_bytes()
    assert bundle(tmp_path, run, name).read_bytes() == first


def test_no_key_of_the_run_is_in_it(tmp_path: Path, run: Path) -> None:
    """Certificates and their keys stay here; the capture's secrets of the cell are in it."""
    name = lab.open_run(run).cells[0].name
    with zipfile.ZipFile(bundle(tmp_path, run, name)) as file:
        assert not [each for each in file.namelist() if "/tls/" in each or each.endswith(".key")]
        assert not any(b"PRIVATE KEY" in file.read(each) for each in file.namelist())


def test_a_cell_that_is_not_there(tmp_path: Path, run: Path) -> None:
    """An error that names the cells there are, and no file."""
    for arguments in (["nonesuch"], []):
        ended = CliRunner().invoke(app, ["bundle", "--run", str(run), "--to", str(tmp_path / "x.zip"), *arguments])
        assert isinstance(ended.exception, ScenarioError)
        assert ("no such cell" if arguments else "several cells, and none is named") in str(ended.exception)
        assert lab.open_run(run).cells[0].name in str(ended.exception)
    assert not list(tmp_path.glob("*.zip*"))


def test_a_file_that_cannot_be_written(tmp_path: Path, run: Path) -> None:
    name = lab.open_run(run).cells[0].name
    ended = CliRunner().invoke(app, ["bundle", "--run", str(run), "--to", str(tmp_path / "no" / "x.zip"), name])
    assert isinstance(ended.exception, HostNotCapable)
    assert "--to FILE" in str(ended.exception)


def test_it_writes_over_nothing_else(tmp_path: Path, run: Path) -> None:
    """A file that is no bundle stays."""
    path = tmp_path / "my.yaml"
    path.write_text("title: mine\n")
    name = lab.open_run(run).cells[0].name
    ended = CliRunner().invoke(app, ["bundle", "--run", str(run), "--to", str(path), name])
    assert isinstance(ended.exception, ScenarioError)
    assert "something else is there" in str(ended.exception)
    assert path.read_text() == "title: mine\n"
