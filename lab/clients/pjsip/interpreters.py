"""Chooses the Python that runs pjsip: the lab's own, or another one of this machine.

The packages of pjsua2-python are for CPython 3.10 to 3.12. Where the lab runs on a later Python, only the client's
process needs one of those (``lab.clients.pjsip.wheels`` fetches the packages for it).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.errors import HostNotCapable

VARIABLE = "LAB_PJSIP_PYTHON"
"""Environment variable: the Python that shall run pjsip, whichever runs the lab."""
MINORS = (12, 11, 10)
"""Those of CPython 3 that pjsua2-python has packages for, the best first."""
_TOLD_BY = "import sys; print(sys.implementation.cache_tag, sys.executable, sep='\\n')"
_TAGS = tuple(f"cpython-3{minor}" for minor in MINORS)
_WITHIN_S = 20.0
_ELSEWHERE = (
    "~/.local/share/uv/python/cpython-3.{minor}.*/bin/python3.{minor}",  # uv python install
    "~/.pyenv/versions/3.{minor}.*/bin/python3.{minor}",  # pyenv install
)
"""Where tools put Pythons that need not be in PATH."""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python that pjsua2-python has packages for.

    Attributes:
        path: the program; empty: the one that runs the lab.
        tag: as ``sys.implementation.cache_tag``, such as ``cpython-312``.
    """

    path: str
    tag: str


def find() -> Interpreter:
    """Return the Python for pjsip: the one that is named in the environment, else the lab's own, else any that fits.

    Raises:
        HostNotCapable: none fits, or the one that is named does not.
    """
    if named := os.environ.get(VARIABLE):
        if (found := _examine(named)) is None:
            raise HostNotCapable(
                f"{VARIABLE} is `{named}`, which is no CPython 3.10, 3.11 or 3.12",
                fix="name another one, or leave the variable out",
            )
        return found
    if is_own():
        return Interpreter("", str(sys.implementation.cache_tag))
    for candidate in _candidates():
        if (found := _examine(candidate)) is not None:
            return found
    version = ".".join(map(str, sys.version_info[:2]))
    raise HostNotCapable(
        f"pjsip's package (pjsua2-python) exists for CPython 3.10 to 3.12; this is {version}, and no other was found",
        fix="install one beside it, by `uv python install 3.12` or `pyenv install 3.12` (anywhere else, name it in"
        f" {VARIABLE}), or run cells in containers: `lab images build`, then `lab run --backend docker`",
    )


def is_own() -> bool:
    """Return whether pjsip runs in the Python that runs the lab."""
    return not os.environ.get(VARIABLE) and sys.implementation.cache_tag in _TAGS


def _candidates() -> Iterator[str]:
    for minor in MINORS:
        if found := shutil.which(f"python3.{minor}"):
            yield found
        for pattern in _ELSEWHERE:
            place = Path(pattern.format(minor=minor)).expanduser()
            root = Path(place.anchor)
            yield from map(str, sorted(root.glob(str(place.relative_to(root))), reverse=True))


@cache
def _examine(program: str) -> Interpreter | None:
    """Return what a program says of itself; None if it is no Python that fits."""
    try:
        done = subprocess.run(
            [program, "-I", "-c", _TOLD_BY],
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    tag, _, path = done.stdout.strip().partition("\n")
    return Interpreter(path, tag) if done.returncode == 0 and tag in _TAGS and path else None
