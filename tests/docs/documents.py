"""The documents whose blocks are tested, and the folder in which that happens."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.docs import blocks

ROOT = Path(__file__).parent.parent.parent
FILES = Path(__file__).parent / "files"
"""Files of which documents speak: ``common`` for all, and a folder for each document that needs others, by its name."""


def every() -> list[str]:
    """Return the paths of all documents, relative to the checkout."""
    beside = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "scenarios" / "README.md")
    return [path.relative_to(ROOT).as_posix() for path in (*beside, *sorted((ROOT / "docs").rglob("*.md")))]


def executable() -> list[str]:
    """Return the documents with blocks that a test executes."""
    languages = {"sh", "console", "bash", "shell", "python"}
    return [
        document
        for document in every()
        if any(each.language in languages and each.why_not("") is None for each in blocks.read(ROOT / document))
    ]


def lay_out(document: str, folder: Path) -> Path:
    """Make the folder in which the commands of a document run, with the files of which it speaks."""
    work = folder / "work"
    shutil.copytree(FILES / "common", work)
    own = FILES / Path(document).stem
    if own.is_dir():
        shutil.copytree(own, work, dirs_exist_ok=True)
    for name in ("scenarios", "docs"):
        (work / name).symlink_to(ROOT / name)
    return work


def environment(folder: Path, cache: Path, width: int) -> dict[str, str]:
    """Return the environment of the commands: state of their own, and one cache of cells for all documents."""
    return {
        **os.environ,
        "LAB_CACHE": str(cache),
        "XDG_STATE_HOME": str(folder / "state"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "COLUMNS": str(width),
        "NO_COLOR": "1",
    }
