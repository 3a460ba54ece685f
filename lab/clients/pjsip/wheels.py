"""Fetches packages of pjsip that are not installed with the lab: each into a folder of its own, once per machine.

These are the other releases, and every release where the Python that runs the lab cannot have it
(``lab.clients.pjsip.interpreters``). A folder lies in ``$XDG_CACHE_HOME/lab/pjsip`` (``~/.cache/lab/pjsip``) under the
release and the interpreter's tag; searched first, it is the ``pjsua2`` a program finds. The hashes of the packages are
pinned beside this file.
"""

from __future__ import annotations

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab import ledger
from lab.cache_folder import cache_folder
from lab.clients.pjsip.interpreters import Interpreter
from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.errors import HostNotCapable
from lab.interpreter import pip_command
from lab.lock_file import requirements

PINS = Path(__file__).with_name("wheels.txt")
"""Of other releases."""
ALONE = Path(__file__).with_name("alone.lock")
"""Of the lab's own release, and of what the client's process imports besides it in another interpreter."""
_PJSIP = "pjsua2-python"


def find_or_fetch(package: str, interpreter: Interpreter, report: Callable[[str], None]) -> Path:
    """Return the folder of a release.

    Args:
        package: version of pjsua2-python.
        interpreter: the Python that it is for.
        report: takes a sentence if it has to be fetched first.

    Raises:
        HostNotCapable: it is not there, and cannot be fetched.
    """
    folder = folder_of(package, interpreter)
    if folder.is_dir():
        return folder
    where = f" for {interpreter.path}" if interpreter.path else ""
    report(f"fetching pjsua2-python {package}{where} (5 MB, once)")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with ledger.workplace("unpacking", below=folder.parent) as (_, work):
            (work / "pins.txt").write_text(pins(package, alone=bool(interpreter.path)))
            _install(package, work / "pins.txt", work / "packages", interpreter)
            (work / "packages").rename(folder)
    except OSError as problem:
        if not folder.is_dir():  # else somebody else was quicker
            raise HostNotCapable(
                f"cannot write to {folder.parent} ({problem.strerror})", fix="set XDG_CACHE_HOME to a folder of yours"
            ) from problem
    return folder


def folder_of(package: str, interpreter: Interpreter) -> Path:
    """Return where a release is, or would be; arguments as of `find_or_fetch`."""
    name = f"{interpreter.tag}-alone" if interpreter.path else interpreter.tag
    return cache_folder() / "pjsip" / package / name


def pins(package: str, *, alone: bool) -> str:
    """Return what pip is to install, with hashes.

    Args:
        package: version of pjsua2-python.
        alone: whether the interpreter has none of the lab's packages.
    """
    own = requirements(ALONE.read_text("utf-8"))
    pjsip = own.pop(_PJSIP)
    if package != RELEASES[DEFAULT].package:
        pjsip = PINS.read_text("utf-8")
    return pjsip + "".join(own.values() if alone else ())


def _install(package: str, wanted: Path, into: Path, interpreter: Interpreter) -> None:
    pinned = ("--require-hashes", "--only-binary", ":all:", "--target", str(into), "-r", str(wanted))
    command = [*_pip(interpreter), "install", "--quiet", "--disable-pip-version-check", "--no-deps", *pinned]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        said = done.stderr.strip().splitlines()
        raise HostNotCapable(
            f"cannot fetch pjsua2-python {package}: {said[-1] if said else f'pip ended with {done.returncode}'}",
            fix="make a package index reachable for pip (as scripts/demo needs), or leave this release out",
        )


def _pip(interpreter: Interpreter) -> list[str]:
    """Return the command of a pip that installs for an interpreter, which need not have one itself."""
    if not interpreter.path:
        return pip_command()
    if importlib.util.find_spec("pip") is None:
        return pip_command(python=interpreter.path)
    return pip_command("--python", interpreter.path)
