"""A full disk is this machine's fault, wherever it is met; any other surprise is the lab's."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.errors import HostNotCapable, no_room
from lab.runner import cell, progress

FULL = [errno.ENOSPC, errno.EDQUOT]


def fails(number: int) -> OSError:
    return OSError(number, os.strerror(number), "/somewhere/record.jsonl")


@pytest.mark.parametrize("number", FULL)
def test_no_room(number: int) -> None:
    lack = no_room(fails(number))
    assert isinstance(lack, HostNotCapable)
    assert lack.missing == "no room left to write at /somewhere/record.jsonl"
    assert "--out" in lack.fix


@pytest.mark.parametrize("error", [fails(errno.EACCES), OSError("something"), ValueError("28")])
def test_another_error(error: Exception) -> None:
    assert no_room(error) is None


@pytest.mark.parametrize(
    ("number", "status", "said"), [(errno.ENOSPC, 3, "host error: no room"), (errno.EACCES, 4, "bug")]
)
def test_the_command(
    number: int, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Met by ``lab`` itself, as when it writes the reports."""

    def app() -> None:
        raise fails(number)

    monkeypatch.setattr(main, "app", app)
    with pytest.raises(SystemExit) as ended:
        main.run()
    assert ended.value.code == status
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(("number", "side"), [(errno.EDQUOT, "host"), (errno.EACCES, "lab")])
def test_a_cell(number: int, side: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Met by a cell's process, as when it writes its record."""
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(os, "setsid", lambda: None)
    monkeypatch.setattr(progress, "say", lambda what, **fields: said.append({"what": what, **fields}))

    def job(folder: Path) -> None:
        raise fails(number)

    status = cell.guarded(job, Path("/somewhere"))
    (told,) = said
    assert (told["what"], told["side"], told["exit_code"]) == ("error", side, status)
    assert status == {"host": 3, "lab": 4}[side]
