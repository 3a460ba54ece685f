"""Writes the record of a running cell: append-only JSON lines, the only source of verdicts and reports.

Time zero is known only once the client is set up. Until then lines wait in memory; if it never is, they are written
with times from the cell's start, and the last line says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from lab.record import codec
from lab.record.entry import TimedEvent
from lab.record.events import VERSION, Event, NeverSilent, RecordBegan
from lab.record.message_texts import MessageTexts

FILE_NAME = "record.jsonl"
RUNNER = "runner"
"""Who says what the lab itself does and sees; no node may have this name."""


class Emit(Protocol):
    """Takes an event for the record; ``at`` is CLOCK_MONOTONIC in seconds, now if not given."""

    def __call__(self, event: Event, *, at: float | None = None) -> None:
        """Take one event."""


class RecordWriter:
    """Writes a record; watchers see each event as it is taken, before its time is settled."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._started = time.monotonic()
        self._silence: float | None = None
        self._texts = MessageTexts()
        self._waiting: list[TimedEvent[Event]] = []
        self._watchers: list[Callable[[TimedEvent[Event]], None]] = []
        self.take(RUNNER, RecordBegan(version=VERSION), at=self._started)

    def watch(self, callback: Callable[[TimedEvent[Event]], None]) -> Callable[[], None]:
        """Show every further event to ``callback``; return how to stop that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def take(self, who: str, event: Event, *, at: float | None = None) -> None:
        """Add an event that happened at ``at`` (CLOCK_MONOTONIC seconds; default now)."""
        happening = TimedEvent(time.monotonic() if at is None else at, who, self._texts.once(event))
        if self._silence is None:
            self._waiting.append(happening)
        else:
            self._write(happening, self._silence)
        for watcher in tuple(self._watchers):
            watcher(happening)

    @property
    def silence(self) -> float | None:
        """Time zero (CLOCK_MONOTONIC); None: the client has not fallen silent yet."""
        return self._silence

    @property
    def silent(self) -> bool:
        """True if the client has fallen silent."""
        return self._silence is not None

    def begin_silence(self, at: float) -> None:
        """Settle time zero: the client has fallen silent at ``at``."""
        self._silence = at
        self._settle(at)

    def flush(self) -> None:
        """Hand everything written so far to the kernel, so that others can read it."""
        self._file.flush()

    def close(self) -> None:
        """Write what is still waiting and close the file; a second call does nothing."""
        if self._file.closed:
            return
        if self._silence is None:
            self._silence = self._started
            self._settle(self._started)
            self._write(TimedEvent(time.monotonic(), RUNNER, NeverSilent()), self._started)
        self._file.close()

    def _settle(self, zero: float) -> None:
        # the line that tells the version is the first one, also where an event claims to be older
        self._waiting.sort(key=lambda happening: (not isinstance(happening.event, RecordBegan), happening.at))
        for happening in self._waiting:
            self._write(happening, zero)
        self._waiting.clear()

    def _write(self, happening: TimedEvent[Event], zero: float) -> None:
        self._file.write(codec.to_line(round(happening.at - zero, 6), happening.who, happening.event))


def conclude(path: Path, event: Event) -> None:
    """Add an event of the lab's to the record of a cell that was killed; a line cut short is left out.

    It comes last: when it was is not known, for time in the cell had stopped.
    """
    written = path.read_bytes() if path.exists() else b""
    whole = written[: written.rfind(b"\n") + 1]
    last = 0.0
    if whole:
        last = codec.from_line(whole.rstrip(b"\n").rsplit(b"\n", 1)[-1], number=0).t
    else:
        whole = codec.to_line(0.0, RUNNER, RecordBegan(version=VERSION)) + codec.to_line(0.0, RUNNER, NeverSilent())
    path.write_bytes(whole + codec.to_line(last, RUNNER, event))
