"""Contains the runner: one cell from plan to record.

The host names its job without importing it: what runs a cell takes a fifth of the imports of ``lab run``.
"""

CELL = "lab.runner.cell:run"
"""The job that runs a cell, for a world (``lab.runner.cell_worker``)."""

LIVE_CELL = "lab.runner.live_cell:run_job"
"""The job that keeps a cell up until it is ended: ``lab up``."""
