"""Writes and reads the folder of a run.

::

    runs/20261122-203000-idle-subscription/
      run.json               what was run, how, and what went wrong
      scenario.yaml          the exact scenario
      report.json            verdicts, causes, metrics (docs/report.md)
      report.html junit.xml  the same for people, and for continuous integration
      comparison.json        what changed since the baseline (``lab run --baseline``)
      rank.json              the ranking of its strategies (``lab rank``)
      tls/                   the run's certificates
      cells/<cell>/cell.json network.txt record.jsonl client.log server.log cell.pcapng tls.keys
                             and from-cache.json, of one that did not run, as the cache had its record
      twins/<cell>,<how>/    the same and twin.json, of a twin of a cell (``lab.engine.twins``)
    runs/latest              link to the newest run
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lab.engine.about import FORMAT, RUN_FILE, read_about
from lab.engine.from_cache import FROM_CACHE_FILE
from lab.errors import HostNotCapable, LabError, LabFault, Problem, ScenarioError
from lab.machine_limits import machine_fault
from lab.model.scenario import Cell, Scenario
from lab.runner import cell_file

SCENARIO_FILE = "scenario.yaml"
LATEST = "latest"
CELLS = "cells"
"""The folder of the cells of the scenario, or of a search."""


class RunFolder:
    """One run's folder.

    Attributes:
        path: where it is.
        latest_note: why ``latest`` does not point to it, once it was made; empty: it does.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.latest_note = ""

    @classmethod
    def make(
        cls, out: Path, scenario: Scenario, about: Mapping[str, Any], cells: Sequence[Cell] | None = None
    ) -> RunFolder:
        """Create a new, uniquely named folder below ``out`` and everything cells need in it.

        Args:
            out: where run folders go.
            scenario: what is run.
            about: how: goes into ``run.json``.
            cells: that run; None: the scenario's.

        Raises:
            ScenarioError: its name is not UTF-8, and the programs of a cell are told it.
            HostNotCapable: the folder cannot be written.
        """
        from lab import certificate_authority  # only a new run needs its imports, which take as long as pydantic's

        now = datetime.now(tz=timezone.utc)
        try:
            run = cls.reserve(out, scenario.name, now)
            path = run.path
            (path / SCENARIO_FILE).write_text(scenario.text, encoding="utf-8")
            (path / "tls").mkdir()
            addresses = {
                address: None
                for cell in scenario.cells
                for address in (*cell.topology.server_addresses(), *cell.further_addresses)
            }
            certificate_authority.make(path / "tls", *addresses)
            cells = scenario.cells if cells is None else cells
            for cell in cells:
                run.write_cell(run.cell(cell), cell)
            started = {"started": f"{now:%Y-%m-%dT%H:%M:%SZ}", "finished": None}
            run.write_about({"format": FORMAT, **started, **_scenario(scenario), **_cells(cells), **about})
            run.point_latest()
        except OSError as error:
            raise machine_fault(error) or HostNotCapable(
                f"cannot write the run folder: {error}", fix="choose another with --out DIR"
            ) from error
        return run

    @classmethod
    def reserve(cls, out: Path, name: str, now: datetime) -> RunFolder:
        """Create a new, empty folder below ``out`` that has a scenario's name and the time in its own.

        Raises:
            ScenarioError: its name is not UTF-8, and the programs of a cell are told it.
            OSError: it cannot be made.
        """
        _check_name(out.resolve())
        return cls(_unique(Path(os.path.realpath(out)), f"{now:%Y%m%d-%H%M%S}-{name.replace('/', '-')}"))

    def point_latest(self) -> None:
        """Move the ``latest`` link beside the folder to it; `latest_note` says why that could not be."""
        self.latest_note = _point_latest(self.path.parent, self.path)

    def cell(self, cell: Cell) -> Path:
        """Return the folder of one cell."""
        return self.path / "cells" / cell.name

    def write_cell(self, folder: Path, cell: Cell) -> None:
        """Make a cell's folder, with what is to be run in it."""
        folder.mkdir(parents=True)
        cell_file.write(folder, cell)

    def about(self) -> dict[str, Any]:
        """Return what ``run.json`` says; empty where a release before there was one has written the folder.

        Raises:
            ScenarioError: the folder is not a run's, or its ``run.json`` is damaged.
        """
        return read_about(self.path)

    def write_about(self, about: Mapping[str, Any]) -> None:
        """Write ``run.json``, whole or not at all."""
        new = self.path / f".{RUN_FILE}"
        new.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        new.replace(self.path / RUN_FILE)

    def finish(
        self, errors: Mapping[Path, LabError], *, finished: bool | None, cells: Sequence[Cell] | None = None
    ) -> None:
        """Note in ``run.json`` whether the run is over, and what kept cells from running to their end.

        Args:
            errors: by the folders of cells and twins.
            finished: None: the run goes on.
            cells: that have run, where that was not known before.
        """
        told = {str(folder.relative_to(self.path)): error_to_json(error) for folder, error in errors.items()}
        found = {} if cells is None else _cells(cells)
        if finished is not None:
            found["from_cache"] = self.from_cache()
        self.write_about({**self.about(), **found, "finished": finished, "errors": told})

    def from_cache(self) -> dict[str, int]:
        """Return how many of the cells, and of the twins, have the record of an earlier run."""
        return {kind: len(list((self.path / kind).glob(f"*/{FROM_CACHE_FILE}"))) for kind in ("cells", "twins")}

    def note_left(self, left: Sequence[str]) -> None:
        """Note in ``run.json`` what of the run could not be removed from this machine."""
        self.write_about({**self.about(), "left": list(left)})


def error_to_json(error: LabError) -> dict[str, Any]:
    """Return an error as JSON values."""
    about: dict[str, Any] = {"side": error.side, "text": str(error)}
    return {**about, "missing": error.missing, "fix": error.fix} if isinstance(error, HostNotCapable) else about


def error_from_json(about: Mapping[str, Any]) -> LabError:
    """Return the error that `error_to_json` or a progress message tells of."""
    if about["side"] == HostNotCapable.side and "missing" in about:
        return HostNotCapable(about["missing"], fix=about.get("fix", ""))
    return LabFault(about["text"])


def _check_name(out: Path) -> None:
    try:
        str(out).encode()
    except UnicodeEncodeError as problem:
        allowed = "choose another folder with --out DIR"
        raise ScenarioError([Problem(str(out), 0, "", "the folder's name is not UTF-8", allowed=allowed)]) from problem


def _scenario(scenario: Scenario) -> dict[str, Any]:
    names: tuple[str, ...] = ("name", "file", "title", "why", "source")
    about = {name: getattr(scenario, name) for name in names}
    population = {"population": dict(scenario.population)} if scenario.population else {}
    return {"scenario": {**about, **population}}


def _cells(cells: Sequence[Cell]) -> dict[str, Any]:
    return {"cells": [f"cells/{cell.name}" for cell in cells]}


def _unique(out: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = out / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{out / name} and 998 more")


def _point_latest(out: Path, path: Path) -> str:
    """Move the ``latest`` link at once, so that two runs at the same time never leave it missing.

    Whatever else has that name stays. Returns a sentence about that; empty: the link was moved.
    """
    latest, link = out / LATEST, out / f".{LATEST}-{os.getpid()}"
    if os.path.lexists(latest) and not _is_ours(latest):
        return f"{latest} is not a link of the lab's, and stays as it is"
    try:
        link.unlink(missing_ok=True)
        link.symlink_to(path.name)
        link.replace(latest)
    except OSError as problem:  # another user's, where only owners may replace what is theirs
        with suppress(OSError):
            link.unlink()
        return f"{latest} still points to an earlier run ({problem.strerror})"
    return ""


def _is_ours(latest: Path) -> bool:
    """Return whether it is a link to something beside it, as the lab makes them."""
    return latest.is_symlink() and Path(os.readlink(latest)).name == os.readlink(latest)  # noqa: PTH115  (as it stands)


Watch = Callable[[RunFolder], Callable[[dict[str, Any]], None]]
"""Given the run folder before anything starts; returns what takes the progress messages."""
