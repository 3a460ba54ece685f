"""Which kernel's clock cells live by."""

from __future__ import annotations

from enum import Enum


class Clock(str, Enum):
    """Real: the host's kernel, waiting takes its time. Virtual: a guest's, which jumps over idle time."""

    REAL = "real"
    VIRTUAL = "virtual"
