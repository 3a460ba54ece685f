"""Reads a cell from its folder, where the host wrote it for the world to run, and for the judge of its record."""

from __future__ import annotations

import json
from pathlib import Path

from lab.faults.catalogue import find
from lab.mitigations import classes
from lab.model import wire
from lab.model.scenario import Cell

FILE_NAME = "cell.json"


def read(folder: Path) -> Cell:
    """Return the cell that a cell folder is about.

    Of the faults it imports only those that the cell has: imports cost much in a guest.

    Raises:
        ValueError: the file does not have the shape of a cell, or names a fault that there is not.
    """
    data = json.loads((folder / FILE_NAME).read_text("utf-8"))
    plugins: dict[str, type] = {mitigation.__name__: mitigation for mitigation in classes().values()}
    plugins |= {fault["kind"]: find(fault["kind"]) for fault in data["faults"]}
    return wire.from_json(Cell, data, plugins=plugins)
