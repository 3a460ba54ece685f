"""Digests what of this machine and of a run decides what its cells do."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab import digests
from lab.engine.cache.sources import Sources
from lab.installation import DISTRIBUTION
from lab.model.scenario import Cell
from lab.worlds import kernel

_LIBRARIES = (
    "libc.so.6",
    "libcrypto.so.*",
    "libmnl.so.*",
    "libnftables.so.*",
    "libnftnl.so.*",
    "libssl.so.*",
)
"""The host's libraries that programs in a world load; a guest sees the host's files."""
_LIBRARY_FOLDERS = ("usr/lib/*", "usr/lib64", "lib/*", "lib64")
_NAME = re.compile(r"^[A-Za-z0-9._-]+")
"""Of a distribution, at the beginning of a requirement (PEP 508)."""


def surroundings(sources: Sources, cells: Sequence[Cell], *, memory_mb: int, split: bool = False) -> dict[str, Any]:
    """Return it as JSON values, of a run in virtual time.

    Args:
        sources: of the lab, that run in a world.
        cells: of the run. Its certificate names all addresses of the server, and handshakes are as long as that.
        memory_mb: of a guest; a kernel sizes its buffers and tables by it.
        split: whether a cell keeps a capture of each link.
    """
    found = kernel.find()
    return {
        "sources": sources.digest,
        "kernel": "" if found is None else digests.of_file(found),
        "memory": memory_mb,
        "split": split,
        "python": [sys.version, sys.implementation.cache_tag, platform.machine(), ssl.OPENSSL_VERSION],
        "packages": _packages(),
        "libraries": digests.marks(_libraries()),
        "certificate": certificate_names(cells),
    }


def certificate_names(cells: Sequence[Cell]) -> list[str]:
    """Return the addresses that the certificate of a run of these cells names: those to which clients connect."""
    own = cells[0].topology.server_addresses()
    return [*own, *dict.fromkeys(address for cell in cells for address in cell.further_addresses)]


def _packages() -> dict[str, str]:
    """Return the versions of the packages that the lab depends on.

    Where the lab is no distribution, as in an image, of all that are there.
    """
    try:
        requirements = importlib.metadata.requires(DISTRIBUTION) or ()
    except importlib.metadata.PackageNotFoundError:
        return {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    found = {}
    for requirement in requirements:
        if "extra ==" not in requirement and (name := _NAME.match(requirement)):
            try:
                found[name[0]] = importlib.metadata.version(name[0])
            except importlib.metadata.PackageNotFoundError:  # not for this Python, such as pjsip's
                found[name[0]] = ""
    return found


def _libraries() -> list[Path]:
    """Return the files of `_LIBRARIES` that this machine has, each once."""
    found = (path for folder in _LIBRARY_FOLDERS for name in _LIBRARIES for path in Path("/").glob(f"{folder}/{name}"))
    return sorted({path.resolve() for path in found})
