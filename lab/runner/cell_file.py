"""A cell as its folder has it: what the host wrote for the world to run, and for whoever judges the record later."""

from __future__ import annotations

import json
from pathlib import Path

from lab.mitigations import classes
from lab.model import wire
from lab.model.scenario import Cell

FILE_NAME = "cell.json"


def read(folder: Path) -> Cell:
    """The cell that a cell folder is about."""
    plugins: dict[str, type] = {mitigation.__name__: mitigation for mitigation in classes().values()}
    return wire.from_json(Cell, json.loads((folder / FILE_NAME).read_text("utf-8")), plugins=plugins)
