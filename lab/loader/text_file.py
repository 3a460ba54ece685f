"""Reads a file as text: of limited size, in UTF-8, without control characters."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from lab.errors import Problem

LARGEST_FILE = 1_000_000
"""Bytes; the longest scenario anyone wrote by hand is a hundredth of this."""
LONGEST_LINE = 10_000
"""Characters; the parser takes the square of it for some lines."""

CONTROL = re.compile("[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")


def read_text(path: Path, name: str, problems: list[Problem]) -> str | None:
    """Read a file as UTF-8; None, with a problem added, if that cannot be.

    Args:
        path: the file.
        name: what the user calls it.
        problems: where problems go.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            problems.append(Problem(name, 0, "", "not a file"))
            return None
        if status.st_size > LARGEST_FILE:
            given = f"{status.st_size} bytes"
            problems.append(Problem(name, 0, "", "too large", got=given, allowed=f"at most {LARGEST_FILE} bytes"))
            return None
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        problems.append(Problem(name, 0, "", f"cannot be read: {reason.lower()}"))
        return None
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"not UTF-8 at byte {error.start}"
        problems.append(
            Problem(name, line, "", what, got=f"0x{data[error.start]:02x}", allowed="save the file as UTF-8")
        )
        return None
    text = text.removeprefix("\ufeff")
    control = CONTROL.search(text)
    if control is not None:
        line = text.count("\n", 0, control.start()) + 1
        got = f"U+{ord(control.group()):04X}"
        problems.append(Problem(name, line, "", "a control character", got=got, allowed="text only"))
        return None
    for number, written in enumerate(text.split("\n"), 1):
        if len(written) > LONGEST_LINE:
            got, allowed = f"{len(written)} characters", f"at most {LONGEST_LINE}"
            problems.append(Problem(name, number, "", "a line that is too long", got=got, allowed=allowed))
            return None
    return text
