"""Where the lab keeps what takes long to get: kernels and releases of clients."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/lab``, or ``~/.cache/lab`` where that is not set; not necessarily there yet."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".cache") / "lab"
