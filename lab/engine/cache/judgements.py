"""Keeps what judging a record has shown, so that the same judge need not read the same record again.

Judging is a pure function of a cell and its record, so what is kept is named by a digest of both, and belongs to the
sources of the lab that judged (``lab.engine.cache.sources``). Nothing of it is in the run folder: records stay the only
truth there, and whoever changes one gets it judged anew.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from lab.engine.cache import store, values
from lab.engine.cache.sources import NOT_JUDGING, Sources
from lab.kept_file import read_kept
from lab.record.writer import FILE_NAME
from lab.runner import cell_file

_IMPORTED_NS = time.time_ns()
_SETTLED_NS = 10_000_000_000
"""A source file that is older than this when this module is imported is what Python has imported, or will."""

T = TypeVar("T")


class Judgement:
    """The known facts about one cell's record.

    Args:
        folder: of the cell.
        entries: where judgements are kept.
        sources: of the lab that judges.
    """

    def __init__(self, folder: Path, entries: store.Store, sources: Sources) -> None:
        self._folder = folder
        self._entries = entries
        self._sources = sources
        self._key = _key(folder)
        self._known = _read(entries, self._key)

    def value(self, name: str, compute: Callable[[], T]) -> T:
        """Return what a function gives of the cell's record; it is called if that is not known.

        Args:
            name: of the function, and of what it is given besides.
            compute: calls it. What it raises is not kept.
        """
        if name in self._known:
            with suppress(ValueError):  # of an earlier format
                known: T = values.from_json(self._known[name])
                return known
        value = compute()
        self._known[name] = values.to_json(value)
        if self._sources.unchanged() and _key(self._folder) == self._key:  # else either has changed since
            self._entries.write(self._key, json.dumps(self._known).encode())
        return value


def judgement_of(folder: Path) -> Judgement | None:
    """Return what is known of the record in a cell's folder; None: nothing is kept, or there is no such record.

    Raises:
        ScenarioError: a file of the cell cannot be read.
    """
    root, sources = store.place(), _judging()
    if root is None or sources is None:
        return None
    try:
        return Judgement(folder, store.Store(root, store.JUDGEMENTS, sources.digest), sources)
    except FileNotFoundError:
        return None


@cache
def _judging() -> Sources | None:
    """Return the sources of the judge that runs in this process; None: somebody has just changed them."""
    sources = Sources(NOT_JUDGING)
    return sources if sources.newest_ns < _IMPORTED_NS - _SETTLED_NS else None


def _key(folder: Path) -> str:
    run = folder.parent.parent
    cell, record = (read_kept(folder / name, within=run) for name in (cell_file.FILE_NAME, FILE_NAME))
    return hashlib.sha256(b"%d %d " % (values.FORMAT, len(cell)) + cell + record).hexdigest()


def _read(entries: store.Store, key: str) -> dict[str, Any]:
    try:
        known = json.loads(entries.read(key) or b"{}")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}
