"""Other releases of pjsip than the one installed with the lab: each in a folder of its own, fetched once per machine.

A folder lies in ``$XDG_CACHE_HOME/lab/pjsip`` (``~/.cache/lab/pjsip``) under the release and the interpreter's tag;
searched first, it is the ``pjsua2`` a program finds. The hashes of the packages are pinned beside this file.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from lab import ledger
from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable
from lab.interpreter import pip_command

PINS = Path(__file__).with_name("wheels.txt")


def find_or_fetch(package: str, report: Callable[[str], None]) -> Path:
    """The folder of a release.

    Args:
        package: version of pjsua2-python.
        report: takes a sentence if it has to be fetched first.

    Raises:
        HostNotCapable: it is not there, and cannot be fetched.
    """
    folder = cache_folder() / "pjsip" / package / str(sys.implementation.cache_tag)
    if folder.is_dir():
        return folder
    report(f"fetching pjsua2-python {package} (5 MB, once)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with ledger.workplace("unpacking", below=folder.parent) as (_, work):
            _install(package, work / "packages")
            (work / "packages").rename(folder)
    except OSError as problem:
        if not folder.is_dir():  # else somebody else was quicker
            raise HostNotCapable(
                f"cannot write to {folder.parent} ({problem.strerror})", fix="set XDG_CACHE_HOME to a folder of yours"
            ) from problem
    return folder


def _install(package: str, into: Path) -> None:
    pip = pip_command("install", "--quiet", "--disable-pip-version-check", "--no-deps")
    pinned = ("--require-hashes", "--only-binary", ":all:", "--target", str(into), "-r", str(PINS))
    done = subprocess.run(
        [*pip, *pinned], capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise HostNotCapable(
            f"cannot fetch pjsua2-python {package}: {said[-1] if said else f'pip ended with {done.returncode}'}",
            fix="make a package index reachable for pip (as scripts/demo needs), or leave this release out",
        )
