"""What the tests of all faults need of a single one, where it is not in their own lists: see ``tests/faults``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from lab.faults.base import Fault
from lab.model.scenario import Cell
from lab.record.events import SentinelState
from tests.records import Line


@dataclass(frozen=True)
class NoEffect:
    """A fault, what of it is not done, and how the judge says so.

    Attributes:
        fault: as a scenario has it.
        undone: names acts that are taken away, see ``tests/e2e/noop_faults.py``.
        doubt: what the judge's doubt has in it.
    """

    fault: str
    undone: str
    doubt: str


@dataclass(frozen=True, kw_only=True)
class FaultCases:
    """Cases of one fault.

    Attributes:
        infeasible: the reason, a cell in which it can never happen, and one that differs in that alone.
        proved: the fault, its lines in a record, and the name of the cause that the judge finds then.
        meets: by that name, what the sentinel meets, if not ``delivered``.
        unproved: the fault, lines that do not prove it, and what the judge's doubt has in it.
        topology: of the cells of `costs`.
        costs: by the name of a cell, the fault as a scenario has it, and the cause of the lost probe.
        no_effect: by the name of a cell, a fault that does nothing.
        acts: what can be left undone: where it is, its name there, and what is there instead.
        written: the fault as a scenario has it, with all its keys.
        liveness: each of its keys, with a change to `written` that touches no other key.
    """

    infeasible: Sequence[tuple[str, Cell, Cell]]
    proved: Sequence[tuple[Fault, list[Line], str]]
    meets: Mapping[str, SentinelState] = field(default_factory=dict)
    unproved: Sequence[tuple[Fault, list[Line], str]]
    costs: Mapping[str, tuple[str, str]]
    no_effect: Mapping[str, NoEffect]
    acts: Mapping[str, tuple[Any, str, Any]]
    written: str
    liveness: Mapping[str, tuple[str, str]]
    topology: str = "home-nat"


def brought() -> list[FaultCases]:
    """The cases in ``tests/faults``."""
    found = sorted(path.stem for path in (Path(__file__).parent / "faults").glob("test_*.py"))
    return [import_module(f"tests.faults.{name}").CASES for name in found]
