"""Runs a program for an actor: its output is read line by line, kept in a log, and its end is told."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

GONE_WITHIN_S = 5.0
LAST_LINES = 8


class LoggedProgram:
    """One life of a program, which stays in the foreground and writes its log to standard output or error.

    Args:
        argv: the program and its arguments.
        log: where all it writes goes as well.
        on_line: called with each line.
        on_end: called with its exit status and last lines if it ends by itself.
        folder: where it runs; None: where the lab does.
    """

    def __init__(
        self,
        argv: Sequence[str],
        log: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        on_line: Callable[[bytes], None],
        on_end: Callable[[str], None],
        folder: Path | None = None,
    ) -> None:
        self._loop = loop
        self._on_line = on_line
        self._on_end = on_end
        self._rest = b""
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout.fileno()
        os.set_blocking(self._output, False)
        loop.add_reader(self._output, self._readable)
        self._ended = os.pidfd_open(self._process.pid)
        loop.add_reader(self._ended, self._gone)

    def end(self) -> None:
        """Kill it, and take what it has written until then."""
        self._detach()
        self._process.kill()
        self._process.wait(GONE_WITHIN_S)
        self._readable()
        self._close()

    def last_lines(self) -> str:
        """Return its last output, without the lines that the lab's own configuration has it write."""
        return " | ".join(self._last)

    def _readable(self) -> None:
        try:
            while data := os.read(self._output, 1 << 16):
                self._take(data)
            self._loop.remove_reader(self._output)
        except BlockingIOError:
            pass

    def _take(self, data: bytes) -> None:
        self._log.write(data)
        self._log.flush()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if b"@lab " not in line and line.strip():
                self._last.append(line.decode("utf-8", "replace").strip())
            self._on_line(line)

    def _gone(self) -> None:
        self._detach()
        self._readable()
        status = self._process.wait()
        self._close()
        self._on_end(f"exit status {status}: {self.last_lines()}")

    def _detach(self) -> None:
        self._loop.remove_reader(self._ended)
        self._loop.remove_reader(self._output)

    def _close(self) -> None:
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        os.close(self._ended)
