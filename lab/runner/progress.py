"""Writes progress lines from a world to the command: one JSON object per line on standard output.

A line is written with one ``write`` of less than PIPE_BUF (4096) bytes, so lines of cells side by side do not mix.
"""

from __future__ import annotations

import json
import os
from typing import Any

LONGEST_TEXT = 3000


def say(ev: str, **fields: Any) -> None:
    """Write one line; texts longer than ``LONGEST_TEXT`` keep their end, which is where errors are."""
    short = {key: value[-LONGEST_TEXT:] if isinstance(value, str) else value for key, value in fields.items()}
    os.write(1, json.dumps({"ev": ev, **short}).encode() + b"\n")
