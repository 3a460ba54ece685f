"""Imports captures of cells, runs what was imported, and compares verdict, cause and timers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.cell_capture.write import FILE_NAME
from lab.importing.importing import Import, import_files
from lab.runner import cell_file
from lab.units import Seconds
from tests.e2e.together import Cells, Virtually, run_together

TIMERS = {"tcp": "established_idle_timeout", "udp": "udp_mapping_timer"}
CAPTURED_AFTER_S = 0.5
"""A packet passes a middlebox and is captured within this time; conntrack counts whole seconds."""


@dataclass(frozen=True)
class Trip:
    """A cell, and what became of its capture.

    Attributes:
        name: of the cell.
        before, after: verdict and cause, of the cell and of the imported scenario.
        outside: sentences on timers of the cell's middlebox that are not in their brackets.
        imported: what was read.
    """

    name: str
    before: tuple[str, str]
    after: tuple[str, str]
    outside: tuple[str, ...]
    imported: Import

    @property
    def same(self) -> bool:
        return self.before == self.after and not self.outside


def trips(cells: Sequence[tuple[str, dict[str, object], Path]], folder: Path) -> Iterator[Trip]:
    """Import the captures of cells that ran, and run the best scenario of each, all in one run.

    Args:
        cells: name, as in report.json, and folder.
        folder: for the run.
    """
    read = [import_files([place / FILE_NAME]) for _, _, place in cells]
    again = [Cells(each.scenarios[0].text, name=f"trip-{number}") for number, each in enumerate(read)]
    virtually = run_together(again, folder)
    for (name, cell, place), found, which in zip(cells, read, again, strict=True):
        (after,) = virtually(which).cells.values()
        yield Trip(name, _fate(cell), _fate(after), tuple(_outside(found, place)), found)


def of(virtually: Virtually, which: Cells) -> list[tuple[str, dict[str, object], Path]]:
    """Return the cells of a run that passed or failed."""
    seen = virtually(which)
    return [(name, cell, seen.folder(name)) for name, cell in seen.cells.items() if cell["verdict"] in ("pass", "fail")]


def _fate(cell: dict[str, object]) -> tuple[str, str]:
    cause = cell["cause"]
    return str(cell["verdict"]), str(cause["kind"]) if isinstance(cause, dict) else ""


def _outside(found: Import, place: Path) -> Iterator[str]:
    """Yield the brackets that do not hold the timer which the middlebox of the cell had."""
    cell = cell_file.read(place)
    ((_, box),) = cell.middleboxes[:1]
    if found.scenarios[0].hypothesis.cause != "middlebox-forgot-flow":
        return
    for bracket in found.case.brackets:
        timer: Seconds | None = getattr(box, TIMERS[bracket.protocol])
        dead = bracket.dead_s
        if timer is not None and dead is not None and not bracket.alive_s - 1 <= timer <= dead + CAPTURED_AFTER_S:
            yield f"{bracket.protocol}: {timer} is not between {bracket.alive_s:.1f} s and {dead:.1f} s"
