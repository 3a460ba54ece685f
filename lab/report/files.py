"""Writes the files of a report, each by the module of its format in ``lab.report.formats``."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lab.engine.run import Run
from lab.kept_file import write_kept
from lab.report import formats


class Format(Protocol):
    """A module of ``lab.report.formats``."""

    FILE: str
    """The file's name in the run folder."""

    def render(self, run: Run) -> str:
        """Return the text of the file."""


@cache
def all_formats() -> tuple[Format, ...]:
    """Return the formats there are, in the order of their modules' names."""
    folder = Path(str(formats.__file__)).parent
    names = sorted(path.stem for path in folder.glob("[!_]*.py"))
    return tuple(cast("Format", import_module(f"{formats.__name__}.{name}")) for name in names)


def write(run: Run) -> None:
    """Write all of a run's reports into its folder.

    Raises:
        ScenarioError: there is a folder in the place of one.
        HostNotCapable: one cannot be written.
    """
    for each in all_formats():
        write_kept(run.folder / each.FILE, each.render(run))
