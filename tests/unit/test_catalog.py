"""Middlebox profiles, strategies and scenarios that come with the lab are readable, and say where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab.errors import LabFault, Problem
from lab.loader import catalog
from lab.loader.load import load
from lab.loader.proxy_values import check_settings
from lab.loader.yaml_lines import read_yaml
from lab.model.middlebox import Grade

ROOT = Path(__file__).parents[2]
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.yaml"))


@pytest.mark.parametrize("name", catalog.middlebox_names())
def test_catalog_middleboxes(name: str) -> None:
    """Every profile is readable, called as its file is, and says where its values come from."""
    box = catalog.middlebox(name)
    assert box.name == name
    assert box.source


@pytest.mark.parametrize("name", catalog.strategy_names())
def test_catalog_strategies(name: str) -> None:
    """Every strategy is readable, called as its file is, and says what it is; ``none`` alone is empty."""
    strategy = catalog.strategy(name)
    assert strategy.name == name
    assert strategy.what
    assert strategy.source
    assert bool(strategy.mitigations) == (name != "none")


@pytest.mark.parametrize("name", catalog.proxy_names())
def test_catalog_proxies(name: str) -> None:
    """Its program exists and obeys what is set; every value has a source."""
    problems: list[Problem] = []
    text = (Path(lab.__file__).parent / "catalog" / "proxies" / f"{name}.yaml").read_text("utf-8")
    node = read_yaml(text, name, problems)
    assert node is not None
    assert check_settings(catalog.proxy(name), node, problems), problems
    assert catalog.proxy(name).source
    assert catalog.proxy(name).evidence is not Grade.ASSUMED


def test_catalog_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong entry is the lab's fault, not the scenario's author's."""
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "broken.yaml").write_text("mitigations: [prayer]\nname: twice\n")
    monkeypatch.setattr(catalog, "_FOLDER", tmp_path)
    assert catalog.strategy_names() == ["broken"]
    with pytest.raises(LabFault) as caught:
        catalog.strategy("broken")
    assert str(caught.value).startswith(
        "cannot read the catalog: lab/catalog/strategies/broken.yaml:1 mitigations[0]: unknown kind, got `prayer`; "
    )
    assert "broken.yaml:2 name: unknown key" in str(caught.value)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_scenarios(path: Path) -> None:
    """Every scenario of the project is drawn, sourced and explained, and claims something of every cell."""
    scenario = load(path)
    assert scenario.text.startswith("# client ─")
    assert scenario.source.startswith("https://")
    assert len(scenario.why) > 200
    assert [cell.name for cell in scenario.cells if cell.claim is None] == []
