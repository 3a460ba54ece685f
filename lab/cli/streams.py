"""Makes standard output and standard error such that nothing that befalls them can end a run.

When nobody reads any more (``lab run … | head -1``, a terminal that hung up) or a disk is full, printing ends and the
run goes on: its report is in the run folder. A character that the output's encoding lacks is replaced by a plain one.
"""

from __future__ import annotations

import codecs
import errno
import io
import os
import select
import sys
from typing import TextIO, cast

PLAIN = "lab-plain"
"""The name of the error handler (``codecs.register_error``)."""
_LOOKS_LIKE = str.maketrans({"─": "-", "━": "-", "…": "...", "→": "->", "·": ".", "\N{EN DASH}": "-"})


class SteadyOutput(io.RawIOBase):
    """Writes to a descriptor, and swallows everything once that has failed.

    Attributes:
        failure: what it met; None: nothing.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:  # type: ignore[override]  # of what can be written, bytes are all we get
        """Write some of ``data``; returns how much, all of it where nobody takes it."""
        if self.failure is None:
            try:
                select.select([], [self._descriptor], [])  # whoever shares the terminal may have made it non-blocking
                return os.write(self._descriptor, data)
            except OSError as failure:
                self.failure = failure
        return len(data)

    def writable(self) -> bool:
        """Say yes."""
        return True

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)


def secure() -> None:
    """Put steady streams in the place of this process's standard streams, also where these are closed."""
    codecs.register_error(PLAIN, _plain)
    for descriptor in range(3):
        _keep_open(descriptor)
    sys.stdout = _steady(sys.stdout, 1)
    sys.stderr = _steady(sys.stderr, 2)
    for variable in ("COLUMNS", "LINES"):  # rich believes them, and a window without columns shows nothing
        if os.environ.get(variable, "").strip("0") == "" and variable in os.environ:
            del os.environ[variable]


def tell_failure() -> None:
    """Say on standard error that standard output took no more, unless its reader just went away."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, SteadyOutput):
        return
    sys.stdout.flush()
    if raw.failure is not None and raw.failure.errno != errno.EPIPE:
        print(f"note: standard output took no more ({raw.failure.strerror})", file=sys.stderr)  # noqa: T201


def _keep_open(descriptor: int) -> None:
    """Open a closed standard descriptor on nothing: else the next file that is opened would be it."""
    try:
        os.fstat(descriptor)
    except OSError:
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)


def _steady(stream: TextIO | None, descriptor: int) -> io.TextIOWrapper:
    """Return a stream on a descriptor; on nothing where Python found that descriptor closed."""
    if stream is None:
        descriptor = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    else:
        stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(cast("io.RawIOBase", SteadyOutput(descriptor))),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors=PLAIN,
        line_buffering=descriptor != 1 or os.isatty(descriptor),
    )


def _plain(problem: UnicodeError) -> tuple[str, int]:
    """Replace what an encoding lacks by ASCII that looks like it; a byte of a name that is no text by its number."""
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    text = problem.object[problem.start : problem.end].translate(_LOOKS_LIKE)
    return "".join(map(_ascii, text)), problem.end


def _ascii(character: str) -> str:
    if character.isascii():
        return character
    byte = ord(character) - 0xDC00
    return f"\\x{byte:02x}" if 0x80 <= byte <= 0xFF else "?"
