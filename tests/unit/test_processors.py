"""Guests of several runs do not meet on one processor while another is free."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.worlds import processors


@pytest.fixture(autouse=True)
def _two_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})


def test_the_first_guest_of_each_run_has_its_own() -> None:
    """Both would like the first one."""
    first, second = processors.take(0), processors.take(0)
    assert [first.number, second.number] == [3, 5]


def test_where_all_are_taken_they_are_shared() -> None:
    taken = [processors.take(number) for number in range(2)]
    assert [processors.take(number).number for number in range(3)] == [3, 5, 3]
    assert len(taken) == 2


def test_one_that_is_released_is_free() -> None:
    first, second = processors.take(0), processors.take(0)
    first.release()
    first.release()
    assert processors.take(1).number == 3
    assert second.number == 5


def test_the_end_of_its_owner_frees_it() -> None:
    """However it ends: the kernel gives up the lock."""
    pid = os.fork()
    if pid == 0:
        processors.take(0)
        os._exit(0)
    os.waitpid(pid, 0)
    assert processors.take(0).number == 3


def test_without_a_folder_nobody_shares_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert [processors.take(0).number, processors.take(0).number] == [3, 3]
