"""Whatever decides a cell changes its key, and nothing else does: a wrong hit would be a wrong verdict."""

from __future__ import annotations

import ast
import dataclasses
import importlib.metadata
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab import digests
from lab.clients.pjsip import CLIENT as PJSIP
from lab.engine.cache import surroundings as machine
from lab.engine.cache.key import Keys
from lab.engine.cache.sources import NOT_IN_A_WORLD, NOT_JUDGING, PACKAGE, Sources
from lab.faults.dns_change import DnsChange
from lab.faults.link_down import LinkDown
from lab.loader import catalog
from lab.mitigations.crlf_keepalive import CrlfKeepalive
from lab.model.impairment import Impairment
from lab.model.middlebox import ForgottenFlow
from lab.model.push import Push
from lab.model.scenario import Cell, Claim, Client, Expectation, Probe, RadioKind, Server, Strategy, Transport
from lab.model.verdict import Verdict
from lab.model.when import Event, When
from lab.servers.kamailio import child
from lab.units import Percent, Seconds
from lab.worlds import kernel
from tests.records import BOX, cell

ROOT = Path(__file__).parents[2]
Change = Callable[[Cell], Cell]
AT = When(offset=9.0, event=Event.SUBSCRIBED)
SURROUNDINGS = {"sources": "x"}


def key(subject: Cell, **surroundings: object) -> str | None:
    """The key of a cell."""
    return Keys({**SURROUNDINGS, **surroundings}).of(subject)


def boxed(**fields: Any) -> Change:
    """Change the middlebox."""
    return lambda cell: replace(cell, middleboxes=((BOX, replace(dict(cell.middleboxes)[BOX], **fields)),))


DECIDE: dict[str, list[Change]] = {
    "seed": [lambda cell: replace(cell, seed=2)],
    "topology": [lambda cell: replace(cell, topology=replace(cell.topology, name="other"))],
    "middleboxes": [
        boxed(established_idle_timeout=Seconds(60)),
        boxed(forgotten=ForgottenFlow.RST_TO_SENDER),
        boxed(udp_mapping_timer=Seconds(99)),  # nobody has proved that no cell over TLS sees it
    ],
    "transport": [lambda cell: replace(cell, transport=Transport.TCP)],
    "server": [
        lambda cell: replace(cell, server=replace(cell.server, answers_crlf=False)),
        lambda cell: replace(cell, server=Server(subscription_expires=Seconds(60))),
    ],
    "client": [lambda cell: replace(cell, client=Client(name="plain"))],
    "strategy": [
        lambda cell: replace(cell, strategy=Strategy(name="none", mitigations=(CrlfKeepalive(interval=Seconds(9)),))),
    ],
    "faults": [
        lambda cell: replace(
            cell, faults=(LinkDown(at=When(offset=9.0, event=Event.SUBSCRIBED), link="lan", lasts=Seconds(3)),)
        ),
        lambda cell: replace(
            cell, faults=(LinkDown(at=When(offset=9.0, event=Event.SUBSCRIBED), link="lan", lasts=Seconds(4)),)
        ),
    ],
    "impairments": [
        lambda cell: replace(cell, impairments=(Impairment(from_="client", to=BOX, one_way_delay=Seconds(0.1)),))
    ],
    "probes": [
        lambda cell: replace(cell, probes=()),
        lambda cell: replace(cell, probes=(Probe(at=Seconds(99)),)),
    ],
    "ends": [lambda cell: replace(cell, ends=Seconds(111))],
    "pjsip": [lambda cell: replace(cell, pjsip="2.10")],
    "push": [lambda cell: replace(cell, push=Push(delay=Seconds(1)))],
    "proxy": [lambda cell: replace(cell, proxy=catalog.proxy("haproxy-default"))],
}
"""By field of a cell."""
DO_NOT_DECIDE: dict[str, list[Change]] = {
    "scenario": [lambda cell: replace(cell, scenario="x")],
    "name": [lambda cell: replace(cell, name="x")],
    "axes": [lambda cell: replace(cell, axes=(("x", "y"),))],
    "claim": [lambda cell: replace(cell, claim=Claim(verdict=Verdict.PASS))],
    "expect": [lambda cell: replace(cell, expect=Expectation(delivered=Percent(1)))],
    "apart": [lambda cell: replace(cell, apart=(Seconds(1),))],
    "silent_over": [lambda cell: replace(cell, silent_over=Seconds(9))],
    "radio": [lambda cell: replace(cell, radio=RadioKind.NR)],
    "unsupported": [lambda cell: replace(cell, unsupported="")],
    "device": [lambda cell: replace(cell, device=catalog.device("ios-suspended"))],  # its faults are the cell's
    "folder": [lambda cell: replace(cell, folder="/elsewhere")],
    "middleboxes": [boxed(name="x", source="x")],
    "strategy": [lambda cell: replace(cell, strategy=Strategy(name="x", what="x", source="x"))],
}
PROGRAMS = {"wheel", "interpreter"}
"""Fields that name programs: what is there counts, see below."""


def changes(table: dict[str, list[Change]]) -> list[Any]:
    """The changes of a table, each with its name."""
    return [
        pytest.param(change, id=f"{field}-{number}")
        for field, those in table.items()
        for number, change in enumerate(those)
    ]


def test_every_field_is_examined() -> None:
    """A field that a cell gets one day belongs into one of the tables."""
    assert {field.name for field in dataclasses.fields(Cell)} == {*DECIDE, *DO_NOT_DECIDE, *PROGRAMS}


@pytest.mark.parametrize("change", changes(DECIDE))
def test_what_decides_a_cell(change: Change) -> None:
    """It makes another key."""
    assert key(cell()) is not None
    assert key(change(cell())) not in (key(cell()), None)


def test_changes_differ_from_each_other() -> None:
    """Each change has a key of its own."""
    keys = [key(change(cell())) for those in DECIDE.values() for change in those]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("change", changes(DO_NOT_DECIDE))
def test_what_no_world_sees(change: Change) -> None:
    """Names, and what only the judge reads, do not matter."""
    assert key(change(cell())) == key(cell())


# Programs


def test_an_authors_client_is_not_cached() -> None:
    """Nobody knows what it reads besides its own file: modules, libraries, settings."""
    command = Client(name="mine", command=("./mine",))
    image = Client(name="mine", image="mine:1")
    assert key(replace(cell(), client=command)) is None
    assert key(replace(cell(), client=image)) is None


def test_what_says_nothing_of_itself_is_not_cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client or a server whose folder does not tell what identifies it."""
    monkeypatch.setattr(type(PJSIP), "identity", lambda self, cell: None)
    assert key(cell()) is None


def test_the_library_of_pjsip(tmp_path: Path) -> None:
    """Its content counts, wherever it lies, and so does the Python that runs it."""
    one, same, other = (tmp_path / name for name in ("one", "same", "other"))
    for folder, content in ((one, "1"), (same, "1"), (other, "2")):
        (folder / "pjsua2").mkdir(parents=True)
        (folder / "pjsua2" / "_pjsua2.so").write_text(content)
        (folder / "python").write_text(content)

    def with_wheel(folder: Path, python: str = "") -> str | None:
        return key(replace(cell(), wheel=str(folder), interpreter=python))

    assert with_wheel(one) == with_wheel(same)
    assert with_wheel(one) != with_wheel(other)
    assert with_wheel(one, str(one / "python")) == with_wheel(one, str(same / "python"))
    assert len({with_wheel(one), with_wheel(one, str(one / "python")), with_wheel(one, str(other / "python"))}) == 3
    assert key(cell()) not in (with_wheel(one), None)


def test_kamailio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program and its modules count; without it nothing is known."""
    subject = replace(cell(), server=Server(software="kamailio"))
    program, modules = tmp_path / "kamailio", tmp_path / "modules"
    modules.mkdir()
    program.write_text("1")
    (modules / "tls.so").write_text("1")
    monkeypatch.setattr(child, "program", lambda: str(program))
    monkeypatch.setattr(child, "_MODULE_FOLDERS", (str(modules),))
    keys = [key(subject), key(subject)]
    program.write_text("22")
    keys.append(key(subject))
    (modules / "tls.so").write_text("22")
    keys.append(key(subject))
    (modules / "new.so").write_text("1")
    keys.append(key(subject))
    monkeypatch.setattr(child, "program", lambda: None)
    assert keys[0] == keys[1] is not None
    assert len(set(keys)) == 4
    assert key(subject) is None


# The machine and the run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one kernel and one library, in a folder."""
    (tmp_path / "linux").write_text("1")
    (tmp_path / "libnftables.so.1").write_text("1")
    monkeypatch.setattr(kernel, "find", lambda: tmp_path / "linux")
    monkeypatch.setattr(machine, "_LIBRARY_FOLDERS", (str(tmp_path).lstrip("/"),))
    return tmp_path


SOURCES = Sources()


def surroundings(*cells: Cell, memory_mb: int = 256, split: bool = False) -> dict[str, Any]:
    """What surrounds a run of these cells."""
    return machine.surroundings(SOURCES, cells or (cell(),), memory_mb=memory_mb, split=split)


def test_the_surroundings_of_a_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernel, libraries, packages, Python, memory, certificate: each counts."""
    moved = DnsChange(at=AT, address="203.0.113.11")
    seen = [
        surroundings(),
        surroundings(memory_mb=300),
        surroundings(split=True),
        surroundings(cell(), replace(cell(), faults=(moved,))),
    ]
    assert seen[0] == surroundings()
    (here / "linux").write_text("2")
    seen.append(surroundings())
    (here / "libnftables.so.1").write_text("22")
    seen.append(surroundings())
    with monkeypatch.context() as patch:
        patch.setattr(importlib.metadata, "version", lambda name: "0")
        seen.append(surroundings())
    with monkeypatch.context() as patch:
        patch.setattr(sys, "version", "4.0")
        seen.append(surroundings())
    assert len({str(each) for each in seen}) == len(seen)
    assert len({key(cell(), **each) for each in seen}) == len(seen)


# The lab's own sources


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of the lab's sources."""
    folder = tmp_path / "lab"
    shutil.copytree(PACKAGE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_a_lab_that_is_no_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in an image: the versions of all packages that are there count."""
    monkeypatch.setattr("lab.engine.cache.surroundings.DISTRIBUTION", "not-installed-anywhere")
    found = machine._packages()
    assert found["msgspec"] == importlib.metadata.version("msgspec")
    assert len(found) > 20


def test_every_source_file_counts(package: Path) -> None:
    """Its content and its name, as far as worlds import it; compiled files do not."""
    seen = [Sources(package=package).digest]
    (package / "cli" / "app.py").write_text("")
    (package / "judge" / "verdict.py").write_text("")
    (package / "runner" / "__pycache__").mkdir()
    (package / "runner" / "__pycache__" / "cell.pyc").write_text("")
    assert Sources(package=package).digest == seen[0] == Sources().digest
    for name in ("runner/cell.py", "sip/message.py", "worlds/recipe/new.patch", "units.py", "new/module.py"):
        file = package / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("" if not file.exists() else file.read_text() + "\n")
        seen.append(Sources(package=package).digest)
    (package / "units.py").rename(package / "quantities.py")
    seen.append(Sources(package=package).digest)
    assert len(set(seen)) == len(seen)


def test_the_judge_has_more_sources(package: Path) -> None:
    """A changed judge judges the same records anew."""
    before = Sources(NOT_JUDGING, package=package).digest
    (package / "judge" / "verdict.py").write_text("")
    assert Sources(NOT_JUDGING, package=package).digest != before


def test_sources_that_change_meanwhile(package: Path) -> None:
    """Worlds that start later would import something else."""
    sources = Sources(package=package)
    assert sources.unchanged()
    digest = digests.of_file(package / "units.py")
    (package / "units.py").write_text((package / "units.py").read_text())
    assert digests.of_file(package / "units.py") == digest
    assert not sources.unchanged()  # it need not be the same for the time between
    (package / "units.py").unlink()
    assert not sources.unchanged()


def _layers() -> list[str]:
    """The layers of the package in pyproject.toml, the highest first."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\nlayers = [")[2].partition("\n]")[0]
    layers: list[str] = ast.literal_eval(f"[{text}]")
    return layers


def test_what_is_left_out_is_above_the_runner() -> None:
    """Layers above the runner are not imported in a world; nor are those beside or below it that are named here."""
    order = [tuple(name.strip() for name in layer.replace("|", ":").split(":")) for layer in _layers()]
    runner = next(number for number, layer in enumerate(order) if "runner" in layer)
    above = {name for layer in order[:runner] for name in layer}
    named = {name.removesuffix(".py") for name in NOT_IN_A_WORLD} - {"_library"}
    assert named == above - {"cell_capture"} | {"judge", "loader", "catalog"}  # a cell leaves its capture, too
    assert {name.removesuffix(".py") for name in NOT_JUDGING} - {"_library"} <= above - {"engine"}


WORLD = """
from importlib import import_module
import sys
import lab.runner.cell_worker
from lab.clients import catalog as clients
from lab.servers import catalog as servers
from lab.faults import catalog as faults
from lab.mitigations.catalog import classes
for program in [*map(clients.find, clients.names()), *map(servers.find, servers.names())]:
    for module in program.modules:
        import_module(module)
faults.classes(), classes()
print(*sys.modules)
"""


def test_a_world_imports_nothing_that_is_left_out() -> None:
    """Neither the worker nor any client, server, fault or mitigation; nor what takes a guest long to import."""
    done = subprocess.run([sys.executable, "-c", WORLD], capture_output=True, text=True, check=True, cwd=ROOT)
    modules = done.stdout.split()
    assert not {name.partition(".")[0] for name in modules} & {"cryptography", "pydantic", "rich", "ruamel", "typer"}
    tops = {name.split(".")[1] for name in modules if name.startswith("lab.")}
    assert {"runner", "faults", "servers", "mitigations"} <= tops
    assert not tops & {name.removesuffix(".py") for name in NOT_IN_A_WORLD}
