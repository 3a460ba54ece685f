"""Counts the workers that died with a cell, and decides when it has had enough of them."""

from __future__ import annotations

AGAIN = 2
"""How often a cell whose worker has died runs elsewhere. One that kills workers must not kill all of them."""


class Attempts:
    """The attempts at running a cell.

    Dask runs a task elsewhere by itself when a worker dies, and gives it up when its own limit is reached; it counts
    workers on which the cell only waited, too. What counts here is how many workers have begun the cell, and how often
    Dask has given it up.
    """

    def __init__(self) -> None:
        self._begun: list[str] = []
        self._died = 0
        self._last = ""

    def begun(self, worker: str) -> None:
        """Take note that a worker has begun it, so that the one before has died."""
        if self._begun:
            self._lost(len(self._begun))
        self._begun.append(worker)

    def died(self) -> None:
        """Take note that Dask has given it up."""
        self._lost(max(self._died + 1, len(self._begun)))

    @property
    def why_given_up(self) -> str:
        """Return why it is not run again, a clause with the last worker that died with it; empty: it may be."""
        if self._died <= AGAIN:
            return ""
        last = f", the last was {self._last}" if self._last else ""
        return f"each of {AGAIN + 1} workers that were to run it died{last}"

    def _lost(self, died: int) -> None:
        if self._died <= AGAIN:
            self._died = max(self._died, died)
            self._last = self._begun[-1] if self._begun else ""
