"""Names the folder for what takes long to get: kernels and releases of clients."""

from __future__ import annotations

import os
from pathlib import Path

from lab.errors import HostNotCapable


def cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/lab``, or ``~/.cache/lab`` where that is not set; not necessarily there yet.

    Raises:
        HostNotCapable: the user has no home folder.
    """
    return user_folder("XDG_CACHE_HOME", ".cache")


def user_folder(variable: str, below_home: str) -> Path:
    """Return the lab's folder of a kind (XDG Base Directory Specification).

    Args:
        variable: the environment variable that names the kind's folder; not believed where it is not absolute.
        below_home: where that folder is else.

    Raises:
        HostNotCapable: the user has no home folder.
    """
    named = os.environ.get(variable, "")
    if Path(named).is_absolute():
        return Path(named) / "lab"
    try:
        return Path.home() / below_home / "lab"
    except RuntimeError as error:
        raise HostNotCapable(
            "this user has no home folder", fix=f"set HOME or {variable} to a folder of yours"
        ) from error
