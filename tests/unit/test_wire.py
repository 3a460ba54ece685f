"""Cells cross process boundaries as JSON: whole, unchanged, and without a validation library."""

from __future__ import annotations

import dataclasses
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from lab.faults.black_hole import BlackHole, Direction
from lab.faults.link_down import LinkDown
from lab.faults.reboot import Reboot
from lab.loader.load import load
from lab.loader.one_key_mappings import faults
from lab.mitigations import classes
from lab.model.scenario import Account, Cell, Client, Probe, Transport
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


@functools.cache
def library() -> tuple[Cell, ...]:
    """Return every cell of every scenario in the library."""
    return tuple(cell for path in sorted((ROOT / "scenarios").rglob("*.yaml")) for cell in load(path).cells)


@functools.cache
def parts() -> dict[str, list[Any]]:
    """Return the values that each field of a cell has anywhere in the library."""
    names = [field.name for field in dataclasses.fields(Cell)]
    found = {name: {repr(value := getattr(cell, name)): value for cell in library()} for name in names}
    return {name: list(values.values()) for name, values in found.items()}


def comes_back(cell: Cell) -> None:
    """Send a cell through JSON; it comes back equal, with the very same types."""
    back = from_json(Cell, json.loads(json.dumps(to_json(cell))), plugins=PLUGINS)
    assert back == cell
    assert repr(back) == repr(cell)
    assert type(back.probes[0].at) is Seconds
    assert [type(fault) for fault in back.faults] == [type(fault) for fault in cell.faults]


@given(some.data())
@settings(deadline=None, database=None, max_examples=150)
def test_round_trip(data: some.DataObject) -> None:
    """A cell comes back as it was, whatever its fields are."""
    fields = {name: data.draw(some.sampled_from(values), name) for name, values in parts().items()}
    fields["faults"] = (*fields["faults"], *data.draw(some.lists(some.sampled_from(FAULTS), max_size=3), "more faults"))
    comes_back(Cell(**fields))


def test_round_trip_of_all_that_the_library_says() -> None:
    """No value of the library, however rare, gets lost or changes."""
    for name, values in parts().items():
        for value in values:
            comes_back(dataclasses.replace(library()[0], **{name: value}))


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
    data = to_json(dataclasses.replace(library()[-1], faults=FAULTS))
    cell_file.write(tmp_path, dataclasses.replace(library()[-1], faults=FAULTS))
    modules = {cls.__module__.rpartition(".")[2] for cls in faults().values()}
    others = sorted(modules - {type(fault).__module__.rpartition(".")[2] for fault in FAULTS})
    argv = [sys.executable, "-c", program, str(tmp_path), *others]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert json.loads(done.stdout) == [[], [], data]


def test_a_cell_of_another_lab(tmp_path: Path) -> None:
    """A fault that this lab does not have is told by its name."""
    data = to_json(library()[0])
    (tmp_path / cell_file.FILE_NAME).write_text(json.dumps(data | {"faults": [{"kind": "Meteor"}]}))
    with pytest.raises(ValueError, match="no fault Meteor"):
        cell_file.read(tmp_path)


@pytest.mark.parametrize(
    ("written_in", "account", "read"),
    [
        (None, "subscribe", Account.SUBSCRIBE),
        (None, "register", Account.REGISTER_AND_SUBSCRIBE),
        (None, "register-and-subscribe", Account.REGISTER_AND_SUBSCRIBE),
        (2, "register", Account.REGISTER),
    ],
)
def test_cell_of_an_earlier_release(tmp_path: Path, written_in: int | None, account: str, read: Account) -> None:
    """Before the file had a format, `register` meant that the client subscribes as well."""
    data = to_json(library()[0])
    data["client"]["account"] = account
    (tmp_path / cell_file.FILE_NAME).write_text(json.dumps(data | ({"format": written_in} if written_in else {})))
    assert cell_file.read(tmp_path).client.account is read


def test_cell_of_a_later_release(tmp_path: Path) -> None:
    """A format that this lab does not know is refused by its number."""
    (tmp_path / cell_file.FILE_NAME).write_text(json.dumps(to_json(library()[0]) | {"format": 3}))
    with pytest.raises(ValueError, match="of format 3"):
        cell_file.read(tmp_path)


@pytest.mark.parametrize("account", list(Account))
def test_cell_comes_back_from_its_file(tmp_path: Path, account: Account) -> None:
    """What is written is read, whatever the account."""
    cell = dataclasses.replace(library()[0], client=Client(account=account))
    cell_file.write(tmp_path, cell)
    assert cell_file.read(tmp_path) == cell


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
        from_json(Cell, damage(to_json(library()[0])), plugins=PLUGINS)


def test_parts() -> None:
    """Parts of a cell can travel alone."""
    cell = library()[0]
    assert from_json(Topology, to_json(cell.topology)) == cell.topology
    assert from_json(Transport, to_json(cell.transport)) is cell.transport
    assert to_json(Probe(at=Seconds(45))) == {
        "kind": "Probe",
        "at": 45.0,
        "kind_": "notify",
        "within": 5.0,
        "hold": 7.0,
        "ring": 0.0,
    }


def test_what_was_learnt_is_not_looked_up_again(tmp_path: Path) -> None:
    """A world learns once what its cells are made of; what it forks reads a cell without doing so again."""
    cell_file.write(tmp_path, library()[0])
    script = """if True:
        import sys
        from pathlib import Path
        from lab.model import wire
        from lab.runner import cell_file
        cell_file.learn()
        modules, looked_up = set(sys.modules), wire._hints.cache_info().misses
        cell_file.read(Path(sys.argv[1]))
        print(sorted(set(sys.modules) - modules), wire._hints.cache_info().misses - looked_up)
    """
    said = subprocess.run(
        [sys.executable, "-c", script, tmp_path], check=True, capture_output=True, text=True, cwd=ROOT
    )
    assert said.stdout == "[] 0\n"
