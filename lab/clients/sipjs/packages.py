"""Finds SIP.js and ws, or installs them with npm, as the lock file beside this one pins them: once per machine.

They lie in ``$XDG_CACHE_HOME/lab/sipjs`` (``~/.cache/lab/sipjs``), in a folder that is named by the lock file's digest.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab import digests, ledger
from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable

INSTALL = "apt-get install nodejs npm; python -m lab.clients.sipjs.install"
"""The commands that install it."""
_PINS = ("package.json", "package-lock.json", ".npmrc")
_HERE = Path(__file__).parent


def folder() -> Path:
    """Return where the packages are, or would be.

    Raises:
        HostNotCapable: the user has no home folder.
    """
    return cache_folder() / "sipjs" / digests.of_file(_HERE / "package-lock.json")[:16] / "node_modules"


def node() -> str:
    """Return the path of Node; empty: there is none."""
    return shutil.which("node") or ""


def lack() -> str:
    """Return what keeps SIP.js from running on this machine, with the command that installs it; empty: nothing."""
    missing = "Node" if not node() else "" if folder().is_dir() else "SIP.js"
    return f"{missing} is not installed; {INSTALL}" if missing else ""


def install() -> Path:
    """Install the packages, unless they are there; return their folder.

    Raises:
        HostNotCapable: there is no npm, it cannot fetch them, or nothing can be written there.
    """
    into = folder()
    if into.is_dir():
        return into
    if (npm := shutil.which("npm")) is None:
        raise HostNotCapable("no npm, which installs SIP.js", fix="apt-get install nodejs npm")
    try:
        into.parent.parent.mkdir(parents=True, exist_ok=True)
        with ledger.workplace("unpacking", below=into.parent.parent) as (_, work):
            for name in _PINS:
                shutil.copyfile(_HERE / name, work / name)
            _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], work)
            into.parent.mkdir(exist_ok=True)
            (work / into.name).rename(into)
    except OSError as problem:
        if not into.is_dir():  # else somebody else was quicker
            raise HostNotCapable(
                f"cannot write to {into} ({problem.strerror})", fix="set XDG_CACHE_HOME to a folder of yours"
            ) from problem
    return into


def _run(command: list[str], where: Path) -> None:
    environment = {**os.environ, "NO_UPDATE_NOTIFIER": "1"}
    done = subprocess.run(
        command, cwd=where, env=environment, capture_output=True, text=True, errors="replace", check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("npm error")] or [f"{done.returncode}"]
        raise HostNotCapable(f"npm cannot install SIP.js: {said[0]}", fix="make a registry reachable for npm")
