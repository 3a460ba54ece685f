"""Represents a cell that ran: its input, its evidence, and its outcome."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from lab.engine.cache.judgements import Judgement, judgement_of
from lab.engine.from_cache import ran_at
from lab.engine.run_folder import CELLS, RunFolder, error_from_json
from lab.engine.sharing.sharing import shared_with
from lab.engine.twins import cells
from lab.engine.twins.folder import Twins
from lab.errors import LabError, ScenarioError
from lab.judge.claims import claimed
from lab.judge.costs import costs
from lab.judge.twin_results import TwinOutcome, with_twins
from lab.judge.verdict import judge
from lab.judge.weakest_times import weakest
from lab.kept_file import DAMAGE, damaged
from lab.loader.unsupported import examined
from lab.model.outcome import Cause, Metrics, Outcome
from lab.model.scenario import Cell
from lab.model.twin import AtMoment, Role
from lab.model.verdict import Verdict
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.runner import cell_file
from lab.visible_text import visible

T = TypeVar("T")


@dataclass(frozen=True)
class CellRun:
    """A cell that ran.

    Attributes:
        folder: where it left its record, logs and captures.
        cell: what was run.
        error: what kept it from running to its end; None: nothing did.
        kin: the twins of all cells of the run; None: there are none.
        finished: whether the run was over; then each cell that can exist has a record.
    """

    folder: Path
    cell: Cell
    error: LabError | None = None
    kin: Twins | None = None
    finished: bool = False

    @classmethod
    def open(cls, folder: Path, kin: Twins | None = None) -> CellRun:
        """Open the folder of a cell, or of a twin, in a run folder.

        Args:
            folder: of the cell.
            kin: the twins of the run, if they are known already.

        Raises:
            ScenarioError: it is none.
        """
        run = RunFolder(folder.parent.parent)
        about = _about(run.path, kin)
        told = about.get("errors", {}).get(str(folder.relative_to(run.path)))
        error = None if told is None else error_from_json(told)
        return cls(folder, _read(folder), error, kin or Twins(run.path), bool(about.get("finished")))

    @property
    def name(self) -> str:
        """The cell's name: its labels joined by commas."""
        return self.cell.name

    @property
    def record(self) -> Path:
        """The file of its record; it need not be there."""
        return self.folder / FILE_NAME

    @cached_property
    def shared_with(self) -> str:
        """The folder, in the run folder, of the cell whose record this one shares; empty: it ran itself.

        Raises:
            ScenarioError: the file that says so is damaged.
        """
        return self._noted(shared_with)

    @cached_property
    def from_cache(self) -> str:
        """The time at which the cell ran whose record is here from the cache (UTC); empty: a cell of this run ran.

        Raises:
            ScenarioError: the file that says so is damaged.
        """
        return self._noted(ran_at)

    def _noted(self, read: Callable[[Path], str]) -> str:
        try:
            return read(self.folder)
        except DAMAGE as problem:
            got = visible(str(problem), most=200)
            raise damaged(self.folder, "not a cell's folder", "expected a cell of this run", got=got) from problem

    @cached_property
    def evidence(self) -> Evidence:
        """The cell and its record, indexed.

        Raises:
            ScenarioError: the record is damaged.
        """
        return Evidence(self.cell, reader.read(self.record, self.cell, within=self.folder.parent.parent))

    @cached_property
    def alone(self) -> Outcome | LabError:
        """The outcome as the cell's own record tells it; the error, if it could not run to its end, or is damaged."""
        if self.error is not None:
            return self.error
        try:
            return self._judged("alone", self._judge)
        except ScenarioError as error:
            return error

    def _judge(self) -> Outcome:
        if not self.evidence.entries and self.finished and not self.cell.unsupported:
            raise damaged(self.record, "not there, or empty", "expected the record of a cell that ran")
        return judge(self.evidence)

    def weakest(self, count: int) -> tuple[AtMoment, ...]:
        """Return the weakest moments of the client, the weakest first; at most ``count``.

        Raises:
            ScenarioError: the record is damaged.
        """
        return self._judged(f"weakest {count}", lambda: tuple(weakest(self.evidence, count)))

    def _judged(self, name: str, compute: Callable[[], T]) -> T:
        """Return what a function of the evidence gives, which need not be read if that is known."""
        return compute() if self._judgement is None else self._judgement.value(name, compute)

    @cached_property
    def _judgement(self) -> Judgement | None:
        return judgement_of(self.folder)

    @cached_property
    def twins(self) -> tuple[tuple[Role, CellRun], ...]:
        """The cell's twins that ran, each with the question that it answers; but for the one that tells its costs."""
        if self.kin is None:
            return ()
        found = ((role, CellRun.open(folder, self.kin)) for role, folder in self.kin.of(self.folder))
        return tuple((role, each) for role, each in found if each.ran)

    @property
    def ran(self) -> bool:
        """True if the cell ran to its end or failed with an error; a killed run has cells that did neither."""
        if self.error is not None:
            return True
        try:  # a record is shared once its cell has run to its end
            return bool(self.shared_with) or self._judged("ran", lambda: self.evidence.ended() is not None)
        except ScenarioError:  # damaged: something was seen, which is now lost
            return True

    @cached_property
    def silent(self) -> CellRun | None:
        """The twin that tells what the strategy costs; None: there is none, or it did not run."""
        if self.kin is None or self.cell.unsupported:
            return None
        shared = self.kin.shared(cells.silent(self.cell, float(self.cell.silent_over)).name)
        if shared is None:
            return None
        folder = shared[1]
        if folder not in self.kin.silent:  # many cells ask for the same one
            run = CellRun.open(folder, self.kin)
            if not run.ran:
                return None
            self.kin.silent[folder] = replace(run)  # without its evidence
        found: CellRun = self.kin.silent[folder]
        return found

    @cached_property
    def result(self) -> Outcome | LabError:
        """The outcome in the light of the twins'; the error, if one of them could not run to its end, or is damaged."""
        own = self.alone
        if isinstance(own, LabError) or self.cell.unsupported:
            return own
        try:
            return self._with_twins(own)
        except ScenarioError as error:
            return error

    def _with_twins(self, own: Outcome) -> Outcome | LabError:
        told = []
        for role, twin in self.twins:
            outcome = twin.result
            if isinstance(outcome, LabError):
                return outcome
            told.append(TwinOutcome(role, outcome, str(twin.folder.relative_to(self.folder.parent.parent))))
        if self.silent is not None and self.silent.error is not None:
            return self.silent.error
        outcome = with_twins(self.cell, own, told, self._costs())
        if outcome.verdict is Verdict.PASS and self._unconfirmed():
            doubt = "the run ended before the client was probed at its weakest moment"
            outcome = claimed(self.cell, replace(outcome, verdict=Verdict.INCONCLUSIVE, doubt=doubt))
        hour = "" if self.silent is None else self.silent.shared_with
        return replace(outcome, shared_with=self.shared_with, costs_shared_with=hour, from_cache=self.from_cache)

    def _unconfirmed(self) -> bool:
        """Return whether the run was cut short before all twins of a cell that passed had run."""
        if self.folder.parent.name != CELLS:
            return False
        about = _about(self.folder.parent.parent, self.kin)
        wanted = about.get("twins", {}).get("moments", 0)
        if about.get("finished") or not wanted or self.cell.apart:
            return False
        ran = {twin.name for _, twin in self.twins}
        times = [moment.at_s for moment in weakest(self.evidence, wanted)]
        return any(cells.probed_again(self.cell, at).name not in ran for at in times)

    def _costs(self) -> Metrics | None:
        """Return what a silent hour costs; None: there was none. What cells share is measured once."""
        if self.silent is None or self.kin is None:
            return None
        ran = self.silent.shared_with or str(self.silent.folder.relative_to(self.folder.parent.parent))
        key = ran, self.cell.radio
        if key not in self.kin.costs:
            silent = replace(self.silent)  # its evidence goes with it
            self.kin.costs[key] = silent._judged("costs", lambda: costs(silent.evidence))  # noqa: SLF001  (its own class)
        return self.kin.costs[key]

    @property
    def decisive(self) -> CellRun:
        """The run whose record shows the cause: of a twin, where that decided."""
        seen_in = "" if isinstance(self.result, LabError) else self.result.seen_in
        if not seen_in:
            return self
        return CellRun.open(self.folder.parent.parent / seen_in, self.kin)

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
    def cause(self) -> Cause | None:
        """The cause of a ``fail``, else None; raises as `outcome` does."""
        return self.outcome.cause

    @property
    def metrics(self) -> Metrics:
        """The metrics of the cell; raises as `outcome` does."""
        return self.outcome.metrics


def _about(run: Path, kin: Twins | None) -> dict[str, Any]:
    """Return what ``run.json`` says; of a run that is over it was read once."""
    return RunFolder(run).about() if kin is None or kin.about is None else kin.about


def _read(folder: Path) -> Cell:
    try:
        cell = cell_file.read(folder, within=folder.parent.parent)
        return examined(cell) if cell.unsupported is None else cell
    except (OSError, *DAMAGE) as problem:
        file = folder / cell_file.FILE_NAME
        if isinstance(problem, FileNotFoundError):
            raise damaged(file, "not there", "expected the file that the run wrote") from problem
        got = visible(str(problem), most=200)
        raise damaged(file, "not the file of a cell", "expected the file that the run wrote", got=got) from problem
