"""Sets how much a command prints besides its result."""

from __future__ import annotations

from enum import Enum


class Verbosity(Enum):
    """The levels of ``--quiet`` and ``--verbose``."""

    QUIET = "quiet"
    """Errors and broken claims."""
    NORMAL = "normal"
    """Progress, the table, notes."""
    VERBOSE = "verbose"
    """A line for each cell when it ends, and the explanation of each that did not pass."""
