"""Nothing that befalls standard output ends a run: no reader, no room, no such character, no descriptor, no columns."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SPEAKS = r"""
import sys
from lab.cli import streams
streams.secure()
try:
    print("one \u2500 two \u2026 \u00fc \udcff \u2192")
    print("x" * 200_000)
    print("to standard error \u2026", file=sys.stderr)
    import rich.console
    rich.console.Console().print("three")
finally:
    streams.tell_failure()
open(sys.argv[1], "w").write("it went on")
"""


def _speak(tmp_path: Path, shell: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program that prints a lot, as a shell is told to; it must have come to its end."""
    done = subprocess.run(
        ["sh", "-c", shell, "sh", sys.executable, "-c", SPEAKS, str(tmp_path / "end")],
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
    assert (tmp_path / "end").read_text() == "it went on", done.stderr
    return done


def test_nobody_reads_on(tmp_path: Path) -> None:
    """`lab run … | head -1`: no traceback, no word."""
    done = _speak(tmp_path, '"$@" | head -1')
    assert done.stdout.startswith("one ─ two …".encode())
    assert done.stderr.decode() == "to standard error …\n"


def test_no_room(tmp_path: Path) -> None:
    """A full disk is worth a note."""
    done = _speak(tmp_path, '"$@" > /dev/full')
    assert done.returncode == 0
    assert done.stderr.decode().endswith("note: standard output took no more (No space left on device)\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed(tmp_path: Path, closed: str) -> None:
    assert _speak(tmp_path, f'"$@" {closed}').returncode == 0


def test_an_encoding_that_lacks_characters(tmp_path: Path) -> None:
    """They look alike, and what is no text at all is shown as its byte."""
    assert _speak(tmp_path, '"$@"', PYTHONIOENCODING="ascii").stdout.splitlines()[0] == rb"one - two ... ? \xff ->"
    latin = _speak(tmp_path, '"$@"', PYTHONIOENCODING="iso-8859-1").stdout.splitlines()[0]
    assert latin == b"one - two ... \xfc \\xff ->"
    whole = _speak(tmp_path, '"$@"', PYTHONIOENCODING="utf-8").stdout.splitlines()[0]
    assert whole == "one ─ two … ü \\xff →".encode()


@pytest.mark.parametrize("columns", ["0", "00", ""])
def test_a_window_without_columns(tmp_path: Path, columns: str) -> None:
    """Some terminals and tools say so; it is printed all the same."""
    assert _speak(tmp_path, '"$@"', COLUMNS=columns).stdout.endswith(b"three\n")
