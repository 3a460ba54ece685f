"""Reads and writes twins in a run folder: ``twins/<name>``, with a ``twin.json`` that names the cell."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from lab.engine.run_folder import RunFolder
from lab.errors import Problem, ScenarioError
from lab.kept_file import DAMAGE, damaged, read_kept
from lab.model import wire
from lab.model.outcome import Metrics
from lab.model.scenario import Cell, RadioKind
from lab.model.twin import Role, Twin

TWINS = "twins"
TWIN_FILE = "twin.json"


class Twins:
    """The twins of a run.

    Attributes:
        silent: silent hours that have run to their end, by their folders; without what they were read of.
        about: what ``run.json`` says, of a run that is over; None: it is read each time.
        costs: of silent hours that were measured, by the folder of the one that ran, and by radio.

    Args:
        run: its folder.
        found: takes the problems of those that are damaged, which are left out then; None: they are raised.

    Raises:
        ScenarioError: one of them is damaged.
    """

    def __init__(self, run: Path, found: list[Problem] | None = None) -> None:
        self._run = run
        self._of: dict[str, list[tuple[Role, Path]]] = defaultdict(list)
        self.silent: dict[Path, Any] = {}  # each is a CellRun, which knows this class
        self.about: dict[str, Any] | None = None
        self.costs: dict[tuple[str, RadioKind], Metrics] = {}
        for file in sorted((run / TWINS).glob(f"*/{TWIN_FILE}")):
            try:
                twin = _read(file, run)
            except ScenarioError as error:
                if found is None:
                    raise
                found += error.problems
                continue
            self._of[twin.of].append((twin.role, file.parent))

    def of(self, folder: Path) -> list[tuple[Role, Path]]:
        """Return the twins of one cell, by the cell's folder, each with its own folder."""
        return self._of[str(folder.relative_to(self._run))]

    def shared(self, name: str) -> tuple[Role, Path] | None:
        """Return the twin of that name that several cells have; None if there is none."""
        return next(((role, folder) for role, folder in self._of[""] if folder.name == name), None)

    def folder(self, cell: Cell) -> Path:
        """Return the folder that a twin has, or will have."""
        return self._run / TWINS / cell.name

    def add(self, twin: Twin, cell: Cell) -> Path | None:
        """Make a folder for a twin that is to run; None if it has been made."""
        folder = self.folder(cell)
        if folder.exists():
            return None
        RunFolder(self._run).write_cell(folder, cell)
        (folder / TWIN_FILE).write_text(json.dumps(wire.to_json(twin)), encoding="utf-8")
        self._of[twin.of].append((twin.role, folder))
        return folder


def _read(file: Path, run: Path) -> Twin:
    try:
        return wire.from_json(Twin, json.loads(read_kept(file, within=run)))
    except (OSError, *DAMAGE) as problem:
        raise damaged(file, "not the file of a twin", "expected the file that the run wrote") from problem
