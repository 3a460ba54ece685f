"""A scenario's file may be called anything; the name of its runs is made from that."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.engine.run_folder import RunFolder
from lab.loader.load import load, load_text
from lab.model.rules import LONGEST_LABEL, is_name

TEXT = "title: t\ntopology: home-nat\nmiddlebox: never-forgets\nprobes: [{ at: 45 s }]\nends: 60 s\n"


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("idle-behind-nat.yaml", "idle-behind-nat"),
        ("my scenario (2).yaml", "my-scenario-2"),
        ("Büro 3. Stock.v2.yaml", "buro-3-stock-v2"),
        ("Straße.yaml", "strasse"),
        ("4225.yaml", "4225"),
        ("shell; rm -rf ~.yaml", "shell-rm-rf"),
        ("電話.yaml", "scenario"),
        ("--.yaml", "scenario"),
        (".yaml", "yaml"),
        ("no-suffix", "no-suffix"),
        ("x" * 240 + ".yaml", "x" * LONGEST_LABEL),
        ("a" * 39 + " b.yaml", "a" * 39),
        ("bad\udcff.yaml", "bad"),  # bytes that are not UTF-8, as Python reads them
    ],
)
def test_the_name_of_runs(file: str, name: str) -> None:
    """It is safe in folder names, and what was a name already stays as it is."""
    scenario = load_text(TEXT, Path(file))
    assert scenario.name == name
    assert {cell.scenario for cell in scenario.cells} == {name}
    assert scenario.file == file
    assert is_name(f"a{name}", longest=LONGEST_LABEL + 1)


def test_a_run_folder(tmp_path: Path) -> None:
    """It has the safe name; two files whose names come to the same have folders of their own."""
    folders = []
    for file in ("Büro 3.yaml", "büro-3.yaml"):
        (tmp_path / file).write_text(TEXT, encoding="utf-8")
        folders.append(RunFolder.make(tmp_path / "runs", load(tmp_path / file), {}).path.name)
    assert all("-buro-3" in name for name in folders)
    assert len(set(folders)) == 2
