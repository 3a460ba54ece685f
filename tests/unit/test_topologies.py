"""Networks: those that come with the lab, those of a project, and which one a scenario means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.loader.load import load
from lab.loader.topologies import read_topology
from lab.model.topology import Topology
from tests.unit.scenario_texts import SMALL, TWO_NATS, Read

ROOT = Path(__file__).parents[2]


def test_network_without_a_middlebox(read: Read, tmp_path: Path) -> None:
    """Client and server may share a wire; then there is nothing to say of middleboxes."""
    wire = "links: { wire: { client: 198.51.100.1/24, server: 198.51.100.2/24 } }\n"
    nodes = "nodes: { client: { role: client }, server: { role: server } }\n"
    (tmp_path / "topologies" / "wire.yaml").write_text(nodes + wire)
    text = SMALL.replace("home-nat", "wire").replace("middlebox: never-forgets\n", "")
    (cell,) = read(text + "claims: [{ strategy: none, verdict: pass }]\n").cells
    assert cell.middleboxes == ()
    assert cell.claim is not None


@pytest.mark.parametrize("path", ["./topologies/home-nat.yaml", "topologies/../topologies/home-nat.yaml"])
def test_topology_by_path(path: str, read: Read) -> None:
    """A path relative to the scenario names the same network as its name."""
    assert read(SMALL.replace("topology: home-nat", f"topology: {path}")).cells == read(SMALL).cells


def test_project_is_the_nearest_with_topologies(tmp_path: Path, read: Read) -> None:
    """A folder of networks nearer to the scenario hides the one above."""
    inner = tmp_path / "inner"
    (inner / "topologies").mkdir(parents=True)
    (inner / "topologies" / "home-nat.yaml").write_text(TWO_NATS)
    (inner / "deeper").mkdir()
    (inner / "deeper" / "a.yaml").write_text(
        SMALL.replace("middlebox: never-forgets", "middlebox: { home-nat: rfc-ideal, cgn: rfc-ideal }")
    )
    (cell,) = load(inner / "deeper" / "a.yaml").cells
    assert [name for name, _ in cell.middleboxes] == ["home-nat", "cgn"]


def test_networks_that_come_with_the_lab(tmp_path: Path) -> None:
    """A scenario anywhere may name them, also beside a project's own; it gets what one in the lab's folder gets."""
    middleboxes = {
        "cgn": ["home-nat", "cgn"],
        "home-and-vpn": ["home-nat", "vpn"],
        "home-nat": ["home-nat"],
        "home-nat-proxy": ["home-nat"],
        "wifi-and-cellular": ["home-nat", "carrier"],
    }
    assert sorted(middleboxes) == sorted(path.stem for path in (ROOT / "topologies").glob("*.yaml"))
    (tmp_path / "project" / "topologies").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "project"):
        scenario = folder / "a.yaml"
        networks = []
        for name, nodes in middleboxes.items():
            boxes = ", ".join(f"{node}: never-forgets" for node in nodes)
            written = "never-forgets" if len(nodes) == 1 else f"{{ {boxes} }}"
            proxy = "proxy: nginx-default\n" if name == "home-nat-proxy" else ""
            scenario.write_text(SMALL.replace("home-nat", name).replace("never-forgets", written) + proxy)
            networks.append(load(scenario).cells[0].topology)
        assert networks == [read_topology(ROOT / "topologies" / f"{name}.yaml", name, []) for name in middleboxes]


@pytest.mark.parametrize("path", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda path: path.stem)
def test_topologies(path: Path) -> None:
    """Every network of the project is one the lab can build, and starts with a drawing."""
    problems: list[Any] = []
    topology = read_topology(path, path.name, problems)
    assert problems == []
    assert isinstance(topology, Topology)
    assert topology.name == path.stem
    assert path.read_text(encoding="utf-8").startswith("#")
