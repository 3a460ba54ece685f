"""Names the two clocks of cells, and the memory of a guest."""

from __future__ import annotations

from enum import Enum

GUEST_MEMORY_MB = 384
"""Memory of a virtual-time guest, in MiB: three times what a cell of two hours takes."""


class Clock(str, Enum):
    """Real: the host's kernel, waiting takes its time. Virtual: a guest's, which jumps over idle time."""

    REAL = "real"
    VIRTUAL = "virtual"
