"""The crew of a world in which some mitigations do nothing; only the test beside it asks for it.

A cell's folder names them in ``without``, one kind per line.
"""

from __future__ import annotations

from pathlib import Path

from lab.mitigations import classes
from lab.runner import cell, crew

FILE_NAME = "without"


def main() -> None:
    """Like ``lab.runner.crew.main_in_guest``."""
    crew.JOBS["cell"] = _run
    crew.main_in_guest()


def _run(folder: Path) -> int:
    """Run a cell, in a process of its own, whose actors are its forks."""
    for kind in (folder / FILE_NAME).read_text(encoding="utf-8").split():
        classes()[kind].attach = _nothing  # type: ignore[attr-defined]
    return cell.run(folder)


def _nothing(mitigation: object, host: object) -> None:
    """In the place of ``attach``."""
