"""Makes one run folder of several shards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.engine.run_folder import SCENARIO_FILE, RunFolder
from lab.engine.shards.check import Part, parts
from lab.errors import HostNotCapable, Problem, ScenarioError
from lab.kept_file import DAMAGE
from lab.machine_limits import machine_fault
from lab.runner import cell_file

_TWINS = "twins"
_OF_ITS_CELLS = ("clients", "pjsip", "servers")
"""Versions in ``run.json`` that each shard has of its own cells."""


@dataclass
class Merged:
    """A merged run, and the gaps in it.

    Attributes:
        run: the whole, as far as there is something of it.
        missing: the names of cells that none of the shards has.
        unfinished: the folders of shards that were interrupted or killed.
    """

    run: Run
    missing: list[str] = field(default_factory=list)
    unfinished: list[Path] = field(default_factory=list)


def merge(folders: Sequence[Path], out: Path, found: list[Problem] | None = None) -> Merged:
    """Make one run folder of several shards, in which each cell is judged as in its own.

    Args:
        folders: of the shards; one that was killed counts as far as it came.
        out: where the new folder goes.
        found: as of `Run.open`.

    Raises:
        ScenarioError: they do not belong together; all problems. Nothing was written.
        HostNotCapable: the folder cannot be written.
    """
    shards = parts(folders)
    if not shards:
        raise ScenarioError([Problem("merge", 0, "", "no shard", allowed="use runs of `lab run --shard N/OF`")])
    have = {cell for shard in shards for cell in shard.cells}
    all_cells = [f"cells/{name}" for name in shards[0].about["shard"]["cells"]]
    missing = [cell.removeprefix("cells/") for cell in all_cells if cell not in have]
    unfinished = [shard.folder for shard in shards if shard.about.get("finished") is not True]
    try:
        now = datetime.now(tz=timezone.utc)
        folder = RunFolder.reserve(out, shards[0].about["scenario"]["name"], now)
        try:
            _fill(folder, shards, [cell for cell in all_cells if cell in have], finished=not missing and not unfinished)
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        folder.point_latest()
    except OSError as error:
        raise machine_fault(error) or HostNotCapable(
            f"cannot write the run folder: {error}", fix="choose another with --out DIR"
        ) from error
    return Merged(Run.open(folder.path, found), missing, unfinished)


def _fill(folder: RunFolder, shards: Sequence[Part], cells: list[str], *, finished: bool) -> None:
    errors: dict[str, Any] = {}
    for shard in shards:
        taken = [name for name in (*shard.cells, *_twins_of(shard)) if _take(shard.folder, folder.path, name)]
        told = shard.about.get("errors", {})
        errors = {name: error for name, error in errors.items() if name not in taken}
        errors |= {name: told[name] for name in taken if name in told}
        _copy(shard.folder / "tls", folder.path / "tls" / str(shard.shard.number))
    (folder.path / SCENARIO_FILE).write_bytes(shards[0].text)
    first = shards[0].about
    versions = [shard.about.get("versions", {}) for shard in shards]
    of_cells = {key: sorted({one for each in versions for one in each.get(key, ())}) for key in _OF_ITS_CELLS}
    left = [sentence for shard in shards for sentence in shard.about.get("left", ())]
    folder.write_about(
        {
            **{key: value for key, value in first.items() if key != "shard"},
            "started": min(str(shard.about.get("started", "")) for shard in shards),
            "cells": cells,
            "finished": finished,
            "from_cache": folder.from_cache(),
            "seeds": first["shard"]["seeds"],
            "versions": {**versions[0], **of_cells},
            "errors": errors,
            **({"left": left} if left else {}),
            "merged": [{"folder": shard.folder.name, "shard": str(shard.shard)} for shard in shards],
        }
    )


def _twins_of(shard: Part) -> list[str]:
    try:
        return sorted(f"{_TWINS}/{entry.name}" for entry in os.scandir(shard.folder / _TWINS))
    except FileNotFoundError:
        return []


def _take(source: Path, target: Path, name: str) -> bool:
    """Take the folder of a cell or a twin over; a silent hour that two shards have is taken once, where it ran."""
    if (target / name).exists():
        if not name.startswith(f"{_TWINS}/") or _ran(target / name) or not _ran(source / name):
            return False
        shutil.rmtree(target / name)
    return _copy(source / name, target / name)


def _ran(folder: Path) -> bool:
    try:
        return CellRun(folder, cell_file.read(folder, within=folder.parent.parent)).ran
    except (OSError, ScenarioError, *DAMAGE):
        return False


def _copy(source: Path, target: Path) -> bool:
    """Give the files below a folder a second name, or copy them; links, devices and FIFOs are left out."""
    if source.is_symlink() or not source.is_dir():
        return False
    for here, _, names in os.walk(source):
        place = target / Path(here).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            file = Path(here) / name
            if file.is_symlink() or not file.is_file():
                continue
            try:
                os.link(file, place / name, follow_symlinks=False)
            except OSError:  # another file system, or one without hard links
                shutil.copy2(file, place / name, follow_symlinks=False)
    return True
