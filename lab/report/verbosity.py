"""How much a command prints beside its result."""

from __future__ import annotations

from enum import Enum


class Verbosity(Enum):
    """What ``--quiet`` and ``--verbose`` choose."""

    QUIET = "quiet"
    """Errors and broken claims."""
    NORMAL = "normal"
    """Progress, the table, notes."""
    VERBOSE = "verbose"
    """A line for each cell when it ends, and the explanation of each that did not pass."""
