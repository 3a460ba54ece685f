"""Digests the lab's own source files, as far as records or outcomes depend on them."""

from __future__ import annotations

import os
from pathlib import Path

import lab
from lab import digests

NOT_IN_A_WORLD = (
    "_library",
    "api.py",
    "catalog",
    "cli",
    "comparison",
    "curve",
    "engine",
    "exploration",
    "fidelity",
    "fleet",
    "importing",
    "judge",
    "live_lab",
    "loader",
    "middlebox",
    "nat_probe",
    "ranking",
    "reference",
    "report",
    "settings_code",
    "starter",
    "timeline",
    "tuning",
)
"""What no world imports, in the package's folder. The catalog's values are in the cells themselves."""

NOT_JUDGING = (
    "_library",
    "api.py",
    "cli",
    "comparison",
    "curve",
    "exploration",
    "fidelity",
    "fleet",
    "importing",
    "live_lab",
    "middlebox",
    "nat_probe",
    "ranking",
    "reference",
    "report",
    "settings_code",
    "starter",
    "timeline",
    "tuning",
)
"""What no judgement depends on."""

PACKAGE = Path(lab.__file__).parent
DIGITS = 16
"""Of a digest that names a folder."""


class Sources:
    """Some of the lab's source files, as they were when this was made.

    Attributes:
        newest_ns: when one of them was last written or replaced, Unix time in nanoseconds.
        digest: of their names and contents.

    Args:
        without: the names in the package's folder that do not belong to them.
        package: the folder.
    """

    def __init__(self, without: tuple[str, ...] = NOT_IN_A_WORLD, *, package: Path = PACKAGE) -> None:
        self._files = digests.files_below(package, without=without)
        self._written = self._times()
        self.newest_ns = max(self._written)
        self.digest = digests.of_files(self._files, below=package)[:DIGITS]

    def unchanged(self) -> bool:
        """Return whether nobody has written to one of them since; a world imports what is there when it starts."""
        return self._times() == self._written

    def _times(self) -> list[int]:
        """Return when each file was last written, replaced or renamed, which nobody can set back; 0: it is gone."""
        found = []
        for path in self._files:
            try:
                found.append(os.stat(path).st_ctime_ns)  # noqa: PTH116  (half the time of the method)
            except OSError:  # noqa: PERF203  (a file that is gone does not end the look at the others)
                found.append(0)
        return found
