"""Implements ``lab bundle``: packs a cell of a run into one file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from lab.engine.run import Run
from lab.errors import EXIT_CLAIMS_HOLD, HostNotCapable, Problem, ScenarioError
from lab.loader.conversion import choice
from lab.report import bundle as bundles
from lab.report import terminal
from lab.report.paths import shown


def bundle(name: str, folder: Path, to: Path | None) -> int:
    """Write the bundle of the cell of that name; without a name, of the only one.

    Raises:
        ScenarioError: the folder is not a run's, or has no such cell, or something in it is damaged.
        HostNotCapable: the file cannot be written.
    """
    run = Run.open(folder)
    known = [each.name for each in run]
    if not name and len(known) == 1:
        (name,) = known
    if name not in known:
        what, got = ("no such cell", f"`{name}`") if name else ("several cells, and none is named", "")
        raise ScenarioError([Problem(str(folder), 0, "", what, got=got, allowed=choice(name, known))])
    path = to or Path(f"{folder.resolve().name}-{name.replace(',', '-')}.zip")
    if path.exists() and not zipfile.is_zipfile(path):
        allowed = "use a name that is free, or that of a bundle to write anew"
        raise ScenarioError([Problem(str(path), 0, "--to", "something else is there", allowed=allowed)])
    try:
        bundles.write(run, run[name], path)
    except OSError as problem:
        reason = (problem.strerror or str(problem)).lower()
        raise HostNotCapable(f"cannot write {path}: {reason}", fix="choose another with --to FILE") from problem
    console = terminal.console(stderr=False)
    size = f"{path.stat().st_size / 1024:,.0f} KiB"
    terminal.say(console, f"{shown(path)}: {size}; unpack it, and its README.txt says the rest")
    return EXIT_CLAIMS_HOLD
