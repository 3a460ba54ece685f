"""The words of ``lab up`` and ``lab inject``: which cell, which fault; all problems at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab import library
from lab.cli import completion
from lab.errors import ScenarioError
from lab.faults.black_hole import BlackHole, Direction
from lab.faults.client_suspend import ClientSuspend
from lab.faults.reboot import Reboot
from lab.live_lab import registry
from lab.live_lab.choose_cell import scenario_of
from lab.live_lab.fault_argument import read_fault
from lab.loader.topologies import read_topology
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.model.when import When
from lab.units import Seconds
from tests.live_entries import entry


@pytest.fixture(scope="module")
def home_nat() -> Topology:
    found = read_topology(library.topologies()["home-nat"], "home-nat", [])
    assert found is not None
    return found


NOW = When(offset=0.0)


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (["reboot", "node=home-nat"], Reboot(at=NOW, node="home-nat")),
        (["{ reboot: { node: home-nat } }"], Reboot(at=NOW, node="home-nat")),
        (["client-suspend"], ClientSuspend(at=NOW)),
        (["{ client-suspend: {} }"], ClientSuspend(at=NOW)),
        (
            ["black-hole", "node=internet", "direction=in", "lasts=90 s"],
            BlackHole(at=NOW, node="internet", direction=Direction.IN, lasts=Seconds(90)),
        ),
    ],
)
def test_a_fault(words: list[str], fault: object, home_nat: Topology) -> None:
    """Its keys are those of a scenario; it happens now."""
    assert read_fault(words, home_nat) == fault


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rebot"], ["lab inject rebot: unknown kind; did you mean `reboot`?"]),
        (["reboot"], ["lab inject reboot.node: missing"]),
        (["reboot", "node=nat"], ["lab inject reboot.node: no such middlebox, got `nat`; expected one of home-nat"]),
        (["reboot", "home-nat"], ["not a key with its value, got `home-nat`; expected KEY=VALUE"]),
        (["reboot", "=x", "y"], ["got `=x`", "got `y`"]),
        (["reboot", "node=home-nat", "at=3 s"], ["lab inject reboot.at: a fault that is injected happens now"]),
        (["link-down", "link=wan", "lasts=soon"], ["link-down.link: no such link", "link-down.lasts: not a quantity"]),
        (
            ["link-down", "link=lan", "link=core", "lasts=1 s"],
            ["lab inject link-down.link: given twice; leave one out"],
        ),
        (["reboot: x"], ["lab inject: "]),
        (["{ reboot: { node: home-nat }"], ["lab inject: "]),
        (["{}"], ["not one kind with its parameters"]),
        (["reboot", "node=[home-nat"], ["lab inject: "]),
        ([""], ["lab inject"]),
    ],
)
def test_no_fault(words: list[str], said: list[str], home_nat: Topology) -> None:
    """Every problem is told, with its place on the command line."""
    with pytest.raises(ScenarioError) as refused:
        read_fault(words, home_nat)
    assert all(text in str(refused.value) for text in said), refused.value
    assert all(not problem.line for problem in refused.value.problems)


def chosen(target: str, *, only: tuple[str, ...] = (), **options: str) -> Cell:
    scenario, cell = scenario_of(
        target, only=only, middlebox=options.get("middlebox"), strategy=options.get("strategy")
    )
    assert cell in scenario.cells
    return cell


def test_the_first_cell_of_a_scenario() -> None:
    """Or the first that is not left out."""
    assert chosen("article/idle-subscription").strategy.name == "none"
    assert chosen("article/idle-subscription", only=("strategy=options-ping-25s",)).strategy.name == "options-ping-25s"


@pytest.mark.parametrize("name", sorted(library.topologies()))
def test_every_topology(name: str) -> None:
    """A network by its name has NATs, a client and a server."""
    cell = chosen(name, middlebox="rst-to-both-60s", strategy="crlf-30s")
    assert cell.topology.name == name
    assert not cell.unsupported
    assert {box.name for _, box in cell.middleboxes} == {"rst-to-both-60s"}
    assert cell.strategy.name == "crlf-30s"
    assert {box.name for _, box in chosen(name).middleboxes} == {"silent-60s"}


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("home-nta", {}, ["no such file or scenario", "or a topology: did you mean `home-nat`?"]),
        ("home-nat", {"middlebox": "x", "strategy": "y"}, ["--middlebox: no such thing", "--strategy: no such thing"]),
        ("article/idle-subscription", {"middlebox": "cgn", "strategy": "none"}, ["lab up --middlebox", "--strategy"]),
    ],
)
def test_no_cell(target: str, options: dict[str, Any], said: list[str]) -> None:
    """Every problem is told."""
    with pytest.raises(ScenarioError) as refused:
        chosen(target, **options)
    assert all(text in str(refused.value) for text in said), refused.value


def test_axes_of_a_topology() -> None:
    with pytest.raises(ScenarioError, match="a topology has no axes"):
        chosen("home-nat", only=("strategy=none",))


class _Context:
    def __init__(self, **params: object) -> None:
        self.params = params
        self.args: list[str] = []


def test_completion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of labs, nodes, links and faults complete; without a lab there are no nodes."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert completion.node(_Context(), "") == completion.live_lab("") == []
    with registry.locked():
        registry.write(entry())
        registry.write(entry("phone", nodes=("a", "ab", "c"), links={"wire": ("a", "c")}))
    assert completion.live_lab("") == ["default", "phone"]
    assert completion.node(_Context(), "c") == ["client"]
    assert completion.node(_Context(lab="phone"), "a") == ["a", "ab"]
    assert completion.link(_Context(lab="phone"), "") == ["wire"]
    assert completion.injected(_Context(), "reb") == ["reboot"]
    offered = completion.injected(_Context(lab="phone", fault=["black-hole"]), "")
    assert {"node=a", "node=c", "direction=", "lasts="} <= {*offered}
    assert not any(each.startswith("at") for each in offered)
    assert "home-nat" in completion.scenario_or_topology(_Context(), "home")
