"""Keeps the timelines that were found on this machine, below the cache folder: the next search tries them first.

They lie in an example database of Hypothesis: a folder for each key, with a file for each value.
"""

from __future__ import annotations

import json
from pathlib import Path

from lab.cache_folder import cache_folder
from lab.engine.sharing.world import digest
from lab.exploration.generation import FOLDER
from lab.exploration.timeline import Timeline
from lab.faults.catalog import classes
from lab.model import wire
from lab.model.scenario import Cell


class KeptTimelines:
    """The timelines that broke some cells.

    Args:
        starts: the cells.
        folder: where they are kept; None: below the lab's cache folder.
    """

    def __init__(self, starts: list[Cell], folder: Path | None = None) -> None:
        from hypothesis.database import DirectoryBasedExampleDatabase

        self._database = DirectoryBasedExampleDatabase(folder or cache_folder() / FOLDER / "found")
        self._keys = {start.name: digest(start, silent=False, timers=False).encode() for start in starts}

    def load(self) -> list[Timeline]:
        """Return those that can be read, in an order that does not depend on when they were found."""
        found = []
        kinds: dict[str, type] = {cls.__name__: cls for cls in classes().values()}
        for key in self._keys.values():
            for value in sorted(self._database.fetch(key)):
                try:
                    timeline = wire.from_json(Timeline, json.loads(value), plugins=kinds)
                except (ValueError, TypeError):  # noqa: PERF203  (each by itself)  # of another version of the lab
                    self._database.delete(key, value)
                else:
                    found.append(timeline)
        return found

    def add(self, timeline: Timeline) -> None:
        """Keep a timeline."""
        self._database.save(self._keys[timeline.start], _bytes(timeline))

    def remove(self, timeline: Timeline) -> None:
        """Do not keep it any more."""
        self._database.delete(self._keys[timeline.start], _bytes(timeline))


def _bytes(timeline: Timeline) -> bytes:
    return json.dumps(wire.to_json(timeline), sort_keys=True).encode()
