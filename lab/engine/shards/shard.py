"""Chooses the cells of a shard.

The rule depends on the scenario alone: the cells are put in the order of the scenario, but those that share a silent
hour next to each other, and cut into as many parts of the same size. So a silent hour, which costs as much as several
cells, runs in one shard, or in two if the cut goes through its cells. Cells that share a record share a silent hour, so
the same is true of them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from lab.engine.sharing.world import anywhere, digest
from lab.engine.twins.cells import silent
from lab.errors import Problem, ScenarioError
from lab.model import wire
from lab.model.scenario import Cell, Scenario

_TEXT = re.compile(r"^([1-9][0-9]{0,3})/([1-9][0-9]{0,3})$", re.ASCII)


@dataclass(frozen=True)
class Shard:
    """One of several parts: ``2/5``."""

    number: int
    of: int

    @classmethod
    def parse(cls, text: str, *, key: str = "--shard") -> Shard:
        """Read it.

        Args:
            text: as ``2/5``.
            key: what the problem is about.

        Raises:
            ScenarioError: it is none.
        """
        match = _TEXT.match(text)
        if match is None or int(match[1]) > int(match[2]):
            allowed = "NUMBER/OF, from 1/OF to OF/OF, such as `2/5`; OF at most 9999"
            raise ScenarioError([Problem(key, 0, "", "no shard", f"`{text}`", allowed)])
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Whole:
    """The whole that a shard is a part of, and the shard.

    Attributes:
        shard: the part.
        cells: the names of all cells, in the scenario's order.
        seeds: of all cells.
        digest: of all cells.
    """

    shard: Shard
    cells: tuple[str, ...]
    seeds: tuple[int, ...]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """Return what ``run.json`` says of it."""
        part = {"number": self.shard.number, "of": self.shard.of}
        return {**part, "cells": list(self.cells), "seeds": list(self.seeds), "digest": self.digest}


def part_of(scenario: Scenario, shard: Shard) -> tuple[Scenario, Whole]:
    """Return the scenario with the cells of one shard, in its order, and the whole; a shard may have no cell."""
    order = _neighbours(scenario.cells)
    count = len(order)
    own = set(order[(shard.number - 1) * count // shard.of : shard.number * count // shard.of])
    cells = tuple(cell for number, cell in enumerate(scenario.cells) if number in own)
    seeds = tuple(sorted({cell.seed for cell in scenario.cells}))
    whole = Whole(shard, tuple(cell.name for cell in scenario.cells), seeds, _digest(scenario.cells))
    return dataclasses.replace(scenario, cells=cells), whole


def _neighbours(cells: tuple[Cell, ...]) -> list[int]:
    """Return the numbers of cells in an order in which those with the same silent hour are neighbours."""
    groups: dict[str, list[int]] = {}
    for number, cell in enumerate(cells):
        groups.setdefault(_silent_hour(cell), []).append(number)
    return [number for group in groups.values() for number in group]


def _silent_hour(cell: Cell) -> str:
    """Return what is the same of cells that share a silent hour; cells that do not run have none."""
    return "" if cell.unsupported else digest(silent(cell, float(cell.silent_over)), silent=True, timers=True)


def _digest(cells: tuple[Cell, ...]) -> str:
    told = [wire.to_json(anywhere(cell)) for cell in cells]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
