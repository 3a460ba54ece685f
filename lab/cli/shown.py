"""How paths are said."""

from __future__ import annotations

import os
from pathlib import Path


def shown(path: Path) -> str:
    """A path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
