"""Says of a cell that its record is that of an earlier run, from the cache (``lab.engine.cache``)."""

from __future__ import annotations

import json
from pathlib import Path

from lab.kept_file import read_kept

FROM_CACHE_FILE = "from-cache.json"
"""In the folder of a cell, or of a twin, that did not run: when the one ran whose record it has."""


def ran_at(folder: Path) -> str:
    """Return when the cell ran whose record is here from the cache (UTC); empty: it ran, or shares a record, here.

    Raises:
        ValueError: the file that says so is damaged.
        ScenarioError: it is no file, or cannot be read.
    """
    try:
        told = json.loads(read_kept(folder / FROM_CACHE_FILE, within=folder.parent.parent))
    except FileNotFoundError:
        return ""
    at = told.get("ran") if isinstance(told, dict) else None
    if not isinstance(at, str):
        raise ValueError(f"{FROM_CACHE_FILE} does not say when")
    return at
