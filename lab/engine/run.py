"""Represents a finished or interrupted run: its input, and its cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.engine.cell_run import CellRun
from lab.engine.run_folder import SCENARIO_FILE, RunFolder
from lab.engine.twins.folder import Twins
from lab.errors import LabError, Problem, ScenarioError
from lab.kept_file import read_kept
from lab.loader.yaml_lines import read_yaml
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Scenario

UNKNOWN = "unknown"
"""The clock or backend of a run of which nobody has noted it."""


@dataclass(frozen=True)
class Run:
    """A run. Iterating gives its cells; ``run["none", "nat-silent"]`` gives the cell of these labels.

    Attributes:
        folder: what it left.
        scenario: what was run.
        clock: ``real`` or ``virtual``.
        backend: ``netns`` or ``docker``.
        finished: False if it was interrupted or killed.
        cells: in the scenario's order.
        asked_for: whether a search asked for its cells.
        left: what of the run could not be removed from this machine, and how to.
    """

    folder: Path
    scenario: Scenario
    clock: str
    backend: str
    finished: bool
    cells: tuple[CellRun, ...]
    left: tuple[str, ...] = ()
    asked_for: bool = False

    @classmethod
    def open(cls, folder: Path | str, found: list[Problem] | None = None) -> Run:
        """Open a run folder; records of cells are judged when they are asked for.

        Args:
            folder: what a run left.
            found: takes the problems of cells that are damaged, which are left out then; None: they are raised.

        Raises:
            ScenarioError: the folder is not a run's, or nothing of it can be read.
        """
        place = RunFolder(Path(folder))
        about = place.about()
        folders = about.get("cells") or sorted(
            f"cells/{each.parent.name}" for each in place.path.glob("cells/*/cell.json")
        )
        kin = Twins(place.path, found)
        kin.about = about
        cells = tuple(each for name in folders for each in _opened(place.path / name, kin, found))
        if found and not cells:
            raise ScenarioError(found)
        return cls(
            folder=place.path,
            scenario=_scenario(place.path, about, tuple(each.cell for each in cells), found),
            clock=about.get("clock", UNKNOWN),
            backend=about.get("backend", UNKNOWN),
            finished=bool(about.get("finished", not about)),
            cells=cells,
            left=tuple(about.get("left", ())),
            asked_for=bool(about.get("search")),
        )

    def __iter__(self) -> Iterator[CellRun]:
        return iter(self.cells)

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, labels: str | tuple[str, ...]) -> CellRun:
        """Return the cell of these labels, in the order of the scenario's axes.

        Raises:
            KeyError: there is none.
        """
        name = labels if isinstance(labels, str) else ",".join(labels)
        for each in self.cells:
            if each.name == name:
                return each
        raise KeyError(f"no cell {name!r}; {', '.join(each.name for each in self.cells)}")

    @property
    def results(self) -> list[tuple[Cell, Outcome | LabError]]:
        """Every cell with its outcome, or the error that kept it from running to its end."""
        return [(each.cell, each.result) for each in self.cells]


def _opened(folder: Path, kin: Twins, found: list[Problem] | None) -> Iterator[CellRun]:
    """Return a cell, or none if it is damaged and that was noted."""
    try:
        yield CellRun.open(folder, kin)
    except ScenarioError as error:
        if found is None:
            raise
        found += error.problems


def _scenario(folder: Path, about: dict[str, Any], cells: tuple[Cell, ...], found: list[Problem] | None) -> Scenario:
    path = folder / SCENARIO_FILE
    text = _text(path, folder, found)
    said = about.get("scenario")
    if said is None:  # a run of a release that did not note it
        root = read_yaml(text, str(path), [])
        written = {key: root.get(key) if root else None for key in ("title", "why", "source")}
        said = {key: str(node.value) if node is not None else "" for key, node in written.items()}
        said |= {"name": cells[0].scenario if cells else folder.name, "file": SCENARIO_FILE}
    population = tuple((label, float(share)) for label, share in said.get("population", {}).items())
    return Scenario(text=text, cells=cells, **{**said, "population": population})


def _text(path: Path, folder: Path, found: list[Problem] | None) -> str:
    """Return the text of the scenario; empty where it is not there, or is damaged and that was noted."""
    try:
        return read_kept(path, within=folder).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except ScenarioError as error:
        if found is None:
            raise
        found += error.problems
        return ""
