"""The record of a cell: append-only JSON lines, the only source of verdicts and reports.

Each line has ``t`` (seconds since the client fell silent, negative before), ``who`` (says it) and ``ev``. Until the
client has fallen silent lines wait in memory; if it never does, they are written with ``t`` from the cell's start, and
the last line says so.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE_NAME = "record.jsonl"


class Record:
    """Writes a record; `on_line` callbacks see each event as it is taken, before its time is settled."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8")
        self._started = time.monotonic()
        self._silence: float | None = None
        self._waiting: list[tuple[float, dict[str, Any]]] = []
        self._watchers: list[Callable[[dict[str, Any]], None]] = []

    def watch(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Show every further event to ``callback``, as ``{"at", "who", "ev", …}``."""
        self._watchers.append(callback)

    def take(self, who: str, ev: str, *, at: float | None = None, **fields: Any) -> None:
        """Add an event that happened at ``at`` (CLOCK_MONOTONIC seconds; default now)."""
        moment = time.monotonic() if at is None else at
        line = {"who": who, "ev": ev, **fields}
        if self._silence is None:
            self._waiting.append((moment, line))
        else:
            self._write(moment, line)
        for watcher in self._watchers:
            watcher({"at": moment, **line})

    def begin_silence(self, at: float) -> None:
        """Settle time zero: the client has fallen silent at ``at``."""
        self._silence = at
        self._settle()

    def close(self) -> None:
        """Write what is still waiting and close the file; a second call does nothing."""
        if self._file.closed:
            return
        if self._silence is None:
            self._silence = self._started
            self._settle()
            self._write(time.monotonic(), {"who": "runner", "ev": "never-silent"})
        self._file.close()

    def _settle(self) -> None:
        for moment, line in sorted(self._waiting, key=lambda waiting: waiting[0]):
            self._write(moment, line)
        self._waiting.clear()

    def _write(self, moment: float, line: dict[str, Any]) -> None:
        assert self._silence is not None
        t = round(moment - self._silence, 6)
        self._file.write(json.dumps({"t": t, **line}, separators=(",", ":")) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """The lines of a record in time order, each with its number in the file, ``line``, from 1.

    A last line cut short by a kill is left out.
    """
    *whole, _cut = path.read_text(encoding="utf-8").split("\n")
    lines = ({**json.loads(text), "line": number} for number, text in enumerate(whole, start=1))
    return sorted(lines, key=lambda line: float(line["t"]))
