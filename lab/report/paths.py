"""Formats paths for messages: relative to the current folder where possible."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> str:
    """Return a path as short as it can be written from the current folder."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
