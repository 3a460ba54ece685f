"""Every format of a report is a module of its own, found by being there."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.report import files, formats
from lab.report.files import Format


@pytest.fixture
def run(tmp_path: Path) -> Run:
    content = {
        "title": "A title",
        "topology": "home-nat",
        "middlebox": "silent-60s",
        "matrix": {"strategy": ["none", "hold-transport"]},
        "probes": [{"at": "45 s"}],
        "ends": "60 s",
    }
    folder = RunFolder.make(tmp_path, lab.build(content), {"clock": "virtual", "backend": "netns"})
    return lab.open_run(folder.path)


def test_there_are_as_many_as_modules() -> None:
    folder = Path(formats.__file__).parent
    assert len(files.all_formats()) == len([path for path in folder.glob("*.py") if path.name != "__init__.py"])


@pytest.mark.parametrize("each", files.all_formats(), ids=lambda each: each.FILE)
def test_each_has_a_file_of_its_own_and_names_every_cell(each: Format, run: Run) -> None:
    assert [other.FILE for other in files.all_formats()].count(each.FILE) == 1
    text = each.render(run)
    assert "none" in text
    assert "hold-transport" in text


def test_all_are_written(run: Run) -> None:
    files.write(run)
    for each in files.all_formats():
        assert (run.folder / each.FILE).read_text("utf-8") == each.render(run)
