"""The Python packages in the images: from the lock file, checked against its hashes, unpacked and compiled outside.

So a build asks no package index, and containers, which cannot write beside a module, find its byte code there.
"""

from __future__ import annotations

import compileall
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from lab import ledger
from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable
from lab.interpreter import pip_command

PYTHON = (3, 11)
"""Debian 12's, which is in the images; what is compiled outside must be for it."""
DIGEST_DIGITS = 12
TIME = 1_577_836_800
"""Of every file in an image, 2020: byte code is checked against it, and layers stay the same."""

SETS = {
    "client": ("pjsua2-python",),
    "actors": (
        *(
            "annotated-doc",
            "annotated-types",
            "cffi",
            "cryptography",
            "markdown-it-py",
            "mdurl",
            "msgspec",
            "pycparser",
            "pydantic",
        ),
        *("pydantic-core", "pygments", "pyroute2", "rich", "ruamel-yaml", "shellingham", "typer", "typing-extensions"),
        "typing-inspection",
    ),
    "nowhere": (
        *("colorama", "editables", "hatchling", "packaging", "pathspec", "pluggy", "pywin32", "tomli", "tomlkit"),
        *("trove-classifiers", "win-inet-pton"),
    ),
}
"""Python packages by where they go; ``actors`` into every image, what is not named here into the whole lab's only."""


def unpacked(lock: Path) -> Path:
    """Where the Python packages are unpacked, by set; they are fetched unless they are there.

    Raises:
        HostNotCapable: this Python is not the images', or no index has the packages.
    """
    if sys.version_info[:2] != PYTHON:
        raise HostNotCapable(
            f"the images have Python {PYTHON[0]}.{PYTHON[1]}, this is {sys.version_info[0]}.{sys.version_info[1]}",
            fix="build them with Debian 12's own, /usr/bin/python3; scripts/demo makes a .venv with it",
        )
    text = lock.read_text("utf-8")
    name = hashlib.sha256((text + repr(SETS)).encode()).hexdigest()[:DIGEST_DIGITS]
    cache = cache_folder() / "packages"
    if (cache / name).is_dir():
        return cache / name
    cache.mkdir(parents=True, exist_ok=True)
    by_name = requirements(text)
    named = {each for names in SETS.values() for each in names}
    sets = {
        "client": SETS["client"],
        "actors": SETS["actors"],
        "lab": tuple(each for each in by_name if each not in named),
    }
    with ledger.workplace("unpacking", below=cache) as (_, work):
        ready = work / "ready"
        ready.mkdir()
        for kind, names in sets.items():
            wanted = ready / f"{kind}.txt"
            wanted.write_text("".join(by_name[each] for each in names), encoding="utf-8")
            _unpack(wanted, ready / kind, lock)
            compile_modules(ready / kind)
        try:
            ready.rename(cache / name)
        except OSError:
            if not (cache / name).is_dir():  # somebody else was quicker
                raise
    return cache / name


def requirements(lock: str) -> dict[str, str]:
    """The lines of a lock file by the name of the package they are about; a package may come in several versions."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line[0].isalnum():
            name = line.partition("==")[0].strip()
        if name and not line.startswith("#"):
            found[name] = found.get(name, "") + line
    return found


def _unpack(wanted: Path, into: Path, lock: Path) -> None:
    pip = pip_command("install", "--quiet", "--disable-pip-version-check")
    how = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", str(into))
    done = subprocess.run(
        [*pip, *how, "-r", str(wanted)], capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise HostNotCapable(
            f"the Python packages of {lock.name} cannot be had: {done.stderr.strip()[-500:]}",
            fix="make a package index reachable for pip, as for scripts/demo",
        )
    shutil.rmtree(into / "bin", ignore_errors=True)


def compile_modules(folder: Path) -> None:
    """Compile all modules below, in the knowledge of the time stamps they will have."""
    for path in folder.rglob("*"):
        os.utime(path, (TIME, TIME))
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), workers=0)
