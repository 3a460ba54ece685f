"""The link ``latest`` is the lab's own; what else has that name stays, and the run goes on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engine.run_folder import _point_latest


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder."""
    path = tmp_path / "20261128-short"
    path.mkdir()
    return path


@pytest.mark.parametrize("before", [None, "20261127-earlier"])
def test_it_points_to_the_newest_run(run: Path, before: str | None) -> None:
    """Also where the run that it pointed to is gone."""
    latest = run.parent / "latest"
    if before:
        latest.symlink_to(before)
    assert _point_latest(run.parent, run) == ""
    assert os.readlink(latest) == run.name  # noqa: PTH115  (as it stands)
    assert sorted(path.name for path in run.parent.iterdir()) == [run.name, "latest"]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(),
        lambda path: path.write_text("mine"),
        lambda path: path.symlink_to("/somewhere/else"),
        lambda path: path.symlink_to("../elsewhere"),
    ],
    ids=["folder", "file", "link away", "link up"],
)
def test_what_is_not_the_labs_stays(run: Path, make: Callable[[Path], object]) -> None:
    latest = run.parent / "latest"
    make(latest)
    before = latest.lstat()
    assert _point_latest(run.parent, run).endswith("latest is not a link of the lab's, and stays as it is")
    assert latest.lstat() == before


def test_another_users_link(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sticky folder only its owner may replace it."""
    (run.parent / "latest").symlink_to("theirs")

    def refuse(path: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted", str(target))

    monkeypatch.setattr(Path, "replace", refuse)
    assert "latest still points to an earlier run (Operation not permitted)" in _point_latest(run.parent, run)
    assert sorted(path.name for path in run.parent.iterdir()) == [run.name, "latest"]
