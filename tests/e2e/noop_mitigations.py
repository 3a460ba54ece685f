"""Runs a cell in which some mitigations do nothing; only the test beside it asks for it.

A cell's folder names them in ``without``, one kind per line.
"""

from __future__ import annotations

from pathlib import Path

from lab.backends.base import OpenBackend
from lab.mitigations import classes
from lab.runner import cell

FILE_NAME = "without"
JOB = f"{__name__}:run"


def run(folder: Path, open_backend: OpenBackend) -> int:
    """Run a cell, in a process of its own, whose actors are its forks."""
    for kind in (folder / FILE_NAME).read_text(encoding="utf-8").split():
        classes()[kind].attach = _nothing  # type: ignore[attr-defined]
    return cell.run(folder, open_backend)


def _nothing(mitigation: object, host: object) -> None:
    """In the place of ``attach``."""
