"""Collects the Python packages for the images: from their lock file, checked against its hashes, unpacked.

So a build asks no package index. The packages are those of the images' Python, whichever Python runs this.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from lab import ledger
from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable
from lab.interpreter import pip_command
from lab.lock_file import requirements

PYTHON = "3.11"
"""Debian 12's, which is in the images."""
PLATFORMS = tuple(f"manylinux{each}_x86_64" for each in ("_2_34", "_2_28", "_2_17", "2014"))
"""What packages for Debian 12 may be built for; its glibc is 2.36."""
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
            "h11",
            "markdown-it-py",
            "mdurl",
            "msgspec",
            "pycparser",
            "pydantic",
        ),
        *("pydantic-core", "pygments", "pyroute2", "rich", "ruamel-yaml", "shellingham", "typer", "typing-extensions"),
        *("typing-inspection", "wsproto"),
    ),
}
"""Python packages by where they go; ``actors`` into every image, what is not named here into the whole lab's only."""


def unpacked(lock: Path) -> Path:
    """Return the folders of the unpacked Python packages, by set; download what is missing.

    Raises:
        HostNotCapable: no index has the packages.
    """
    text = lock.read_text("utf-8")
    name = hashlib.sha256((text + repr(SETS)).encode()).hexdigest()[:DIGEST_DIGITS]
    cache = cache_folder() / "packages"
    if (cache / name).is_dir():
        return cache / name
    cache.mkdir(parents=True, exist_ok=True)
    by_name = requirements(text)
    named = {each for names in SETS.values() for each in names}
    sets = {**SETS, "lab": tuple(each for each in by_name if each not in named)}
    with ledger.workplace("unpacking", below=cache) as (_, work):
        ready = work / "ready"
        ready.mkdir()
        for kind, names in sets.items():
            wanted = ready / f"{kind}.txt"
            wanted.write_text("".join(by_name[each] for each in names), encoding="utf-8")
            _unpack(wanted, ready / kind)
        try:
            ready.rename(cache / name)
        except OSError:
            if not (cache / name).is_dir():  # somebody else was quicker
                raise
    return cache / name


def _unpack(wanted: Path, into: Path) -> None:
    pip = pip_command("install", "--quiet", "--disable-pip-version-check")
    how = ("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-compile", "--target", str(into))
    platforms = (word for each in PLATFORMS for word in ("--platform", each))
    theirs = ("--implementation", "cp", "--python-version", PYTHON, *platforms)
    command = [*pip, *how, *theirs, "-r", str(wanted)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode:
        raise HostNotCapable(
            f"the Python packages of the images cannot be fetched: {done.stderr.strip()[-500:]}",
            fix="make a package index reachable for pip, as for installing the lab",
        )
    shutil.rmtree(into / "bin", ignore_errors=True)
