"""Writes a cell into its folder, for the runner and the judge, and reads it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.faults.catalog import find
from lab.kept_file import read_kept
from lab.mitigations import classes
from lab.model import wire
from lab.model.scenario import Account, Cell

FILE_NAME = "cell.json"
FORMAT = 2
"""Of the file, in its key ``format``. Files without that key are of format 1, in which the account ``register`` meant a
registration and a subscription."""


def learn() -> None:
    """Import what `read` needs of every cell, so that processes forked from this one have it.

    It is a fifth of what a cell costs in a guest.
    """
    wire.learn(Cell, *classes().values())


def write(folder: Path, cell: Cell) -> None:
    """Write the cell into its folder."""
    (folder / FILE_NAME).write_text(json.dumps({"format": FORMAT, **wire.to_json(cell)}), encoding="utf-8")


def read(folder: Path, *, within: Path | None = None) -> Cell:
    """Return the cell that a cell folder is about.

    Args:
        folder: the cell's.
        within: the run folder, out of which no link may lead; None: the cell's own.

    Of the faults it imports only those that the cell has: imports cost much in a guest.

    Raises:
        ValueError: the file does not have the shape of a cell, is of a later format, or names an unknown fault.
        ScenarioError: it is no file, or cannot be read.
    """
    data = json.loads(read_kept(folder / FILE_NAME, within=within or folder))
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    written_in = data.pop("format", 1)
    if written_in not in (1, FORMAT):
        raise ValueError(f"of format {written_in!r}, and this release reads up to {FORMAT}")
    if written_in == 1:
        _upgrade(data)
    plugins: dict[str, type] = {mitigation.__name__: mitigation for mitigation in classes().values()}
    device = data.get("device") or {"schedule": []}
    plugins |= {fault["kind"]: find(fault["kind"]) for fault in (*data["faults"], *device["schedule"])}
    return wire.from_json(Cell, data, plugins=plugins)


def _upgrade(data: dict[str, Any]) -> None:
    """Turn a cell of format 1 into one of today."""
    client = data.get("client", {})
    if client.get("account") == Account.REGISTER.value:
        client["account"] = Account.REGISTER_AND_SUBSCRIBE.value
