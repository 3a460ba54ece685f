"""Keeps track of which cells are over together with all of their twins."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path


class Families:
    """Cells and their twins, by their folders. Several cells may have the same twin (a silent hour)."""

    def __init__(self) -> None:
        self._cells_of: dict[Path, set[Path]] = defaultdict(set)
        self._missing: dict[Path, set[Path]] = {}
        self._over: set[Path] = set()
        self._complete: list[Path] = []

    def found(self, cell: Path) -> None:
        """Take a cell that is to be run."""
        self._cells_of[cell] = {cell}
        self._missing[cell] = {cell}

    def add(self, twin: Path, *, like: Path) -> None:
        """Take a twin of a cell, or of a twin, that is not over yet."""
        for cell in self._cells_of[like]:
            if twin not in self._over:
                self._cells_of[twin].add(cell)
                self._missing[cell].add(twin)

    def over(self, member: Path) -> None:
        """Take note that a cell or a twin is over, and that all twins which follow from it were added."""
        self._over.add(member)
        for cell in self._cells_of.pop(member, ()):
            self._missing[cell].discard(member)
            if not self._missing[cell]:
                del self._missing[cell]
                self._complete.append(cell)

    def complete(self) -> Iterator[Path]:
        """Yield each cell that is over with all of its twins, once."""
        while self._complete:
            yield self._complete.pop(0)
