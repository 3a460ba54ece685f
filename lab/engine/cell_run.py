"""A cell that ran: what was run, its evidence, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from lab.engine.run_folder import RunFolder, error_from_json
from lab.errors import LabError, Problem, ScenarioError
from lab.judge.verdict import judge
from lab.loader.unsupported import examined
from lab.model.outcome import CauseFound, Metrics, Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.runner import cell_file


@dataclass(frozen=True)
class CellRun:
    """A cell that ran.

    Attributes:
        folder: where it left its record, logs and captures.
        cell: what was run.
        error: what kept it from running to its end; None: nothing did.
    """

    folder: Path
    cell: Cell
    error: LabError | None = None

    @classmethod
    def open(cls, folder: Path) -> CellRun:
        """Open the folder of a cell in a run folder.

        Raises:
            ScenarioError: it is none.
        """
        run = RunFolder(folder.parent.parent)
        error = run.about().get("errors", {}).get(f"cells/{folder.name}")
        return cls(folder, _read(folder), None if error is None else error_from_json(error))

    @property
    def name(self) -> str:
        """The cell's name: its labels joined by commas."""
        return self.cell.name

    @property
    def record(self) -> Path:
        """The file of its record; it need not be there."""
        return self.folder / FILE_NAME

    @cached_property
    def evidence(self) -> Evidence:
        """The cell and its record, indexed.

        Raises:
            ScenarioError: the record is damaged.
        """
        return Evidence(self.cell, reader.read(self.record, self.cell))

    @cached_property
    def result(self) -> Outcome | LabError:
        """The outcome; the error, if it could not run to its end."""
        return self.error or judge(self.evidence)

    @property
    def outcome(self) -> Outcome:
        """The outcome.

        Raises:
            LabError: it could not run to its end.
        """
        if isinstance(self.result, LabError):
            raise self.result
        return self.result

    @property
    def verdict(self) -> Verdict:
        """The verdict; raises as `outcome` does."""
        return self.outcome.verdict

    @property
    def cause(self) -> CauseFound | None:
        """The cause of a ``fail``, else None; raises as `outcome` does."""
        return self.outcome.cause

    @property
    def metrics(self) -> Metrics:
        """What it delivered and cost; raises as `outcome` does."""
        return self.outcome.metrics


def _read(folder: Path) -> Cell:
    try:
        cell = cell_file.read(folder)
        return examined(cell) if cell.unsupported is None else cell
    except (OSError, ValueError, LookupError) as problem:
        allowed = f"the folder of a cell, with a {cell_file.FILE_NAME}"
        raise ScenarioError([Problem(str(folder), 0, "", "not a cell's folder", str(problem), allowed)]) from problem
