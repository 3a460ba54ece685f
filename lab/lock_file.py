"""Cuts a lock file of Python packages into the parts that are about one package each."""

from __future__ import annotations


def requirements(lock: str) -> dict[str, str]:
    """Return the lines of a lock file by the name of the package they are about; it may come in several versions."""
    found: dict[str, str] = {}
    name = ""
    for line in lock.splitlines(keepends=True):
        if line[0].isalnum():
            name = line.partition("==")[0].strip()
        if name and not line.startswith("#"):
            found[name] = found.get(name, "") + line
    return found
