"""Cells cross process boundaries as JSON: whole, unchanged, and without a validation library."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.faults.black_hole import BlackHole, Direction
from lab.faults.link_down import LinkDown
from lab.faults.reboot import Reboot
from lab.loader.kinds import faults
from lab.loader.load import load
from lab.mitigations import classes
from lab.model.scenario import Cell, Probe, Transport
from lab.model.topology import Topology
from lab.model.when import Event, When
from lab.model.wire import from_json, to_json
from lab.runner import cell_file
from lab.units import Seconds

ROOT = Path(__file__).parents[2]
PLUGINS: dict[str, type] = {cls.__name__: cls for cls in (*classes().values(), *faults().values())}
FAULTS = (
    LinkDown(at=When(offset=6.0), link="lan", lasts=Seconds(1)),
    BlackHole(at=When(offset=-2.0, event=Event.REFRESH_DUE), node="home-nat", direction=Direction.IN),
    Reboot(at=When(offset=5.0), node="home-nat", address="198.51.100.3"),
)
CELLS = [
    dataclasses.replace(cell, faults=FAULTS[: index % 4])
    for path in sorted((ROOT / "scenarios").rglob("*.yaml"))
    for index, cell in enumerate(load(path).cells)
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.scenario}-{cell.name}")
def test_round_trip(cell: Cell) -> None:
    """A cell of every scenario comes back equal, with the very same types."""
    back = from_json(Cell, json.loads(json.dumps(to_json(cell))), plugins=PLUGINS)
    assert back == cell
    assert repr(back) == repr(cell)
    assert type(back.probes[0].at) is Seconds
    assert [type(fault) for fault in back.faults] == [type(fault) for fault in cell.faults]


def test_no_validation_library(tmp_path: Path) -> None:
    """Reading a cell imports neither pydantic nor YAML, nor faults that it has not: imports cost seconds in a guest."""
    program = """
import json, sys
from pathlib import Path
from lab.model.wire import to_json
from lab.runner import cell_file
cell = cell_file.read(Path(sys.argv[1]))
loaded = {name.partition(".")[0] for name in sys.modules}
heavy = sorted(loaded & {"pydantic", "pydantic_core", "ruamel", "rich", "typer"})
others = sorted(sys.modules.keys() & {f"lab.faults.{name}" for name in sys.argv[2:]})
print(json.dumps([heavy, others, to_json(cell)]))
"""
    data = to_json(dataclasses.replace(CELLS[-1], faults=FAULTS))
    (tmp_path / cell_file.FILE_NAME).write_text(json.dumps(data))
    modules = {cls.__module__.rpartition(".")[2] for cls in faults().values()}
    others = sorted(modules - {type(fault).__module__.rpartition(".")[2] for fault in FAULTS})
    argv = [sys.executable, "-c", program, str(tmp_path), *others]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == [[], [], data]


def test_a_cell_of_another_lab(tmp_path: Path) -> None:
    """A fault that this lab does not have is told by its name."""
    data = to_json(CELLS[0])
    (tmp_path / cell_file.FILE_NAME).write_text(json.dumps(data | {"faults": [{"kind": "Meteor"}]}))
    with pytest.raises(ValueError, match="no fault Meteor"):
        cell_file.read(tmp_path)


def without(data: Any, key: str) -> Any:
    """A copy without a key."""
    return {name: value for name, value in data.items() if name != key}


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: without(data, "kind"),
        list,
        lambda data: data | {"faults": [None]},
        lambda data: data | {"kind": "Probe"},
        lambda data: data | {"zebra": 1},
        lambda data: without(data, "seed"),
        lambda data: without(data, "topology"),
        lambda data: data | {"transport": "pigeon"},
        lambda data: data | {"faults": [{"kind": "Meteor", "at": 1.0}]},
        lambda data: data | {"faults": 5},
        lambda data: data | {"axes": [["strategy"]]},
        lambda data: data | {"strategy": data["strategy"] | {"mitigations": [{"kind": "Prayer"}]}},
        lambda data: data | {"probes": [{"kind": "Probe", "at": "soon", "within": 5.0}]},
    ],
)
def test_wrong_shape(damage: Any) -> None:
    """Data of another shape is refused with one kind of error."""
    with pytest.raises(ValueError, match=r".+"):
        from_json(Cell, damage(to_json(CELLS[0])), plugins=PLUGINS)


def test_parts() -> None:
    """Parts of a cell can travel alone."""
    cell = CELLS[0]
    assert from_json(Topology, to_json(cell.topology)) == cell.topology
    assert from_json(Transport, to_json(cell.transport)) is cell.transport
    assert to_json(Probe(at=Seconds(45))) == {
        "kind": "Probe",
        "at": 45.0,
        "kind_": "notify",
        "within": 5.0,
        "hold": 60.0,
        "ring": 0.0,
    }
