"""``population``: shares of middleboxes in a scenario, and in the place of a scenario's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.engine.about import read_about
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.errors import ScenarioError
from lab.loader import catalog
from lab.loader.load import load_text
from lab.loader.population import Replacement, read_population, shares_of, sourced
from lab.model.middlebox import Grade
from lab.model.scenario import Scenario
from lab.units import Seconds
from tests.unit.scenario_texts import SMALL

TWO = "{ home-typical: 55 %, cgn: 45 %}"
OWN = "{ home-typical: 85 %, mine: { share: 15 %, base: cgn, established-idle-timeout: 90 s } }"


def scenario(population: str, *, more: str = "", instead: Replacement | None = None) -> Scenario:
    text = SMALL.replace("middlebox: never-forgets", f"population: {population}") + more
    return load_text(text, Path("s.yaml"), instead=instead)


def problems(population: str, *, more: str = "") -> list[str]:
    with pytest.raises(ScenarioError) as wrong:
        scenario(population, more=more)
    return [f"{each.path}: {each.what}, got {each.got}; {each.allowed}" for each in wrong.value.problems]


def test_a_cell_for_each_middlebox() -> None:
    """The profiles are values of the axis `middlebox`, as in a matrix; the shares stand beside."""
    found = scenario(TWO)
    assert [cell.axes for cell in found.cells] == [(("middlebox", "home-typical"),), (("middlebox", "cgn"),)]
    assert [dict(cell.middleboxes)["home-nat"] for cell in found.cells] == [
        catalog.middlebox("home-typical"),
        catalog.middlebox("cgn"),
    ]
    assert found.population == (("home-typical", 55.0), ("cgn", 45.0))
    both = scenario(TWO, more="matrix: { strategy: [none, hold-transport] }\n")
    assert [cell.name for cell in both.cells] == [
        "none,home-typical",
        "none,cgn",
        "hold-transport,home-typical",
        "hold-transport,cgn",
    ]


def test_a_profile_of_the_scenario() -> None:
    """Its name is the key; what it does not say is as in its base."""
    mine = dict(scenario(OWN).cells[1].middleboxes)["home-nat"]
    assert (mine.name, mine.established_idle_timeout) == ("mine", Seconds(90))
    assert mine.filtering is catalog.middlebox("cgn").filtering
    assert mine.evidence.tcp is Grade.ASSUMED


def test_claims_speak_of_it() -> None:
    found = scenario(TWO, more="claims: [ { middlebox: cgn, verdict: pass } ]\n")
    assert [cell.claim is not None for cell in found.cells] == [False, True]


@pytest.mark.parametrize(
    ("population", "said"),
    [
        ("{ home-typical: 55 %, cgn: 43 % }", "population: the shares do not add up, got 98 %; 100 % in all"),
        ("{ home-typical: 55, cgn: 45 % }", "population.home-typical: no unit, got `55`"),
        ("{ home-typical: 0 %, cgn: 100 % }", "population.home-typical: too small"),
        (
            "{ home-typicl: 55 %, cgn: 45 % }",
            "population.home-typicl: unknown middlebox, got `home-typicl`; did you mean",
        ),
        ("{ mine: { base: cgn } }", "population.mine: without a `share`"),
        ("{ mine: { share: 100 %, base: cgm } }", "population.mine.base: unknown middlebox"),
        ("{ mine: { share: 100 %, name: yours } }", "population.mine.name: a name, got ; leave it out: it is `mine`"),
        ("{ cgn: { share: 100 % } }", "population.cgn: a name of the catalog"),
        ("[ cgn ]", "population: not a mapping with entries"),
        ("{}", "population: not a mapping with entries"),
    ],
)
def test_what_is_wrong(population: str, said: str) -> None:
    assert any(each.startswith(said) for each in problems(population)), problems(population)


def test_all_problems_at_once() -> None:
    found = problems("{ nobody: 55, mine: { share: 45 %, base: none-such } }")
    assert len(found) == 3


@pytest.mark.parametrize("more", ["middlebox: cgn\n", "matrix: { middlebox: [cgn] }\n"])
def test_middleboxes_in_two_places(more: str) -> None:
    assert "write middleboxes in one of the two places" in problems(TWO, more=more)[0]


@pytest.mark.parametrize("topology", ["cgn", "direct"])
def test_networks_without_one_middlebox(topology: str, tmp_path: Path) -> None:
    """Two in a row, or none, are no population."""
    direct = "nodes: { client: { role: client }, server: { role: server } }\n"
    direct += "links: { lan: { client: 192.0.2.2/24, server: 192.0.2.1/24 } }\n"
    (tmp_path / "topologies").mkdir()
    (tmp_path / "topologies" / "direct.yaml").write_text(direct, encoding="utf-8")
    text = SMALL.replace("middlebox: never-forgets", f"population: {TWO}").replace("home-nat", topology)
    with pytest.raises(ScenarioError, match="population: a population, and this topology has not just one middlebox"):
        load_text(text, tmp_path / "s.yaml")
    without = SMALL.replace("middlebox: never-forgets\n", "").replace("home-nat", "direct")
    assert load_text(without, tmp_path / "s.yaml", instead=Replacement()).population == ()


def test_thirds_add_up() -> None:
    """Rounding of a computer's sums is no mistake of the author's; rounding of the author's is."""
    shares = "{ cgn: 33.3 %, home-typical: 33.3 %, home-cheap: 33.4 % }"
    assert len(scenario(shares).cells) == 3
    assert "got 99.9 %" in problems(shares.replace("33.4", "33.3"))[0]


# In the place of a scenario's


def test_another_population() -> None:
    """It takes the place of whatever middleboxes the scenario has; the scenario's claims speak of others."""
    other = Replacement(population=read_population("cgn=30%,home-cheap=70%", "--population"))
    for text in ("population: { cgn: 100 % }", "middlebox: cgn", "matrix: { middlebox: [cgn, azure-lb] }"):
        whole = SMALL.replace("middlebox: never-forgets", text) + "claims: [ { middlebox: cgn, verdict: pass } ]\n"
        found = load_text(whole, Path("s.yaml"), instead=other)
        assert [dict(cell.axes)["middlebox"] for cell in found.cells] == ["cgn", "home-cheap"]
        assert found.population == (("cgn", 30.0), ("home-cheap", 70.0))
        assert all(cell.claim is None for cell in found.cells)


def test_without_any_all_sourced_profiles() -> None:
    """A scenario with one middlebox, or none at all, is tried behind all that are not made up; a matrix stays."""
    everything = Replacement()
    for text in ("middlebox: never-forgets\n", ""):
        found = load_text(SMALL.replace("middlebox: never-forgets\n", text), Path("s.yaml"), instead=everything)
        assert [name for name, _ in found.population] == sourced()
        assert sum(share for _, share in found.population) == pytest.approx(100)
    swept = SMALL.replace("middlebox: never-forgets", "matrix: { middlebox: [cgn, never-forgets] }")
    found = load_text(swept, Path("s.yaml"), instead=everything)
    assert (len(found.cells), found.population) == (2, ())


def test_sourced_profiles() -> None:
    """Those that the catalog calls synthetic through and through are not among them, and no others are missing."""
    made_up = set(catalog.middlebox_names()) - set(sourced())
    sources = {name: catalog.middlebox(name).source for name in catalog.middlebox_names()}
    assert made_up == {name for name, source in sources.items() if source.startswith("made for this lab")}


def test_other_strategies() -> None:
    """Names of the catalog, and of strategies that the scenario writes itself."""
    text = SMALL + (
        "matrix: { strategy: [none, { name: mine, mitigations: [ crlf-keepalive: { interval: 60 s } ] }],"
        " transport: [tcp, tls] }\n"
    )
    wanted = Replacement(population=read_population("cgn=100%", "-"), strategies=("mine", "hold-transport"))
    found = load_text(text, Path("s.yaml"), instead=wanted)
    assert list(dict.fromkeys(cell.strategy.name for cell in found.cells)) == ["mine", "hold-transport"]
    assert len(found.cells) == 4
    with pytest.raises(ScenarioError, match="unknown strategy"):
        load_text(text, Path("s.yaml"), instead=Replacement(strategies=("yours",)))


def test_a_population_on_the_command_line() -> None:
    for text in ("cgn=30%,home-cheap=70%", "{ cgn: 30 %, home-cheap: 70 % }", "cgn: 30 %\nhome-cheap: 70 %\n"):
        assert shares_of(read_population(text, "-")) == (("cgn", 30.0), ("home-cheap", 70.0))
    with pytest.raises(ScenarioError, match="got 90 %"):
        shares_of(read_population("cgn=30%,home-cheap=60%", "-"))


def test_a_run_keeps_it(tmp_path: Path) -> None:
    """In `run.json`, from where a run that is opened has it again; shares that cannot be are damage."""
    found = scenario(TWO)
    folder = RunFolder.make(tmp_path, found, {"clock": "virtual", "backend": "netns"}).path
    assert Run.open(folder).scenario.population == found.population
    about = read_about(folder)
    for wrong in (0, -1, 101, "much", float("nan")):
        about["scenario"]["population"]["cgn"] = wrong
        (folder / "run.json").write_text(json.dumps(about))
        with pytest.raises(ScenarioError, match=r"run\.json"):
            Run.open(folder)
