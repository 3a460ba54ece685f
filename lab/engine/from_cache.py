"""Says of a cell that its record is that of an earlier run, from the cache (``lab.engine.cache``)."""

from __future__ import annotations

from pathlib import Path

from lab.kept_file import read_note

FROM_CACHE_FILE = "from-cache.json"
"""In the folder of a cell, or of a twin, that did not run: when the one ran whose record it has."""


def ran_at(folder: Path) -> str:
    """Return when the cell ran whose record is here from the cache (UTC); empty: it ran, or shares a record, here.

    Raises:
        ValueError: the file that says so is damaged.
        ScenarioError: it is no file, or cannot be read.
    """
    return read_note(folder / FROM_CACHE_FILE, "ran", within=folder.parent.parent)
