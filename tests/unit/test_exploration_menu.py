"""What can happen to a cell, the timelines that are drawn from it, and the scenario files they become."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab import library
from lab.errors import ScenarioError
from lab.exploration.found_file import Story, text_of
from lab.exploration.generation import drawn
from lab.exploration.invariant import LEAK, Breach
from lab.exploration.menu import MOST_MOMENTS, menu
from lab.exploration.starts import starts
from lab.exploration.timeline import Limits, Timeline, cell_of, watched_s
from lab.faults.catalog import classes
from lab.loader.load import load, load_text
from lab.model.scenario import Cell, Scenario
from lab.units import Seconds
from tests.explorations import menus_of, starts_of

LIMITS = Limits(recovers_within_s=20.0)
LOST = Breach(cause="link-down", text="link access went down at 57.0 s")


def whole(timeline: Timeline, scenario: Scenario, strategy: str, breach: Breach = LOST) -> str:
    """The text of the scenario of a timeline."""
    (start,) = [each for each in starts(scenario, strategy) if each.cell.name == timeline.start]
    return text_of(scenario, start, timeline, breach, LIMITS, Story(1, 2, 3))[0]


def alike(cell: Cell) -> Cell:
    """The cell without its names."""
    return replace(cell, scenario="", name="", axes=(), claim=None, folder="")


LIBRARY = {
    "article/idle-subscription": "options-25s-drop-reconnect",
    "article/all": "reconnect",
    "field/dns-change": "none",
    "field/linphone-android-788": "none",
    "field/sip-alg": "udp-silent",
    "field/client-moves": "none",
}


@pytest.mark.parametrize("name", sorted(set(LIBRARY) & set(library.scenarios())))
def test_what_is_drawn_can_happen_and_its_scenario_is_that_cell(name: str) -> None:
    """Each timeline loads as a scenario with one cell, which is the one that the search runs."""
    scenario = load(Path(name))
    strategy = next((each.strategy.name for each in scenario.cells if each.strategy.name == LIBRARY[name]), "")
    strategy = strategy or scenario.cells[0].strategy.name
    found = {start.cell.name: start.cell for start in starts(scenario, strategy)}
    menus = [menu(cell, (), name) for cell in found.values()]
    timelines = drawn(menus, 3, 12)
    assert len(timelines) > 5
    for timeline in timelines:
        loaded = load_text(whole(timeline, scenario, strategy), Path("/nowhere/found.yaml"))
        (cell,) = loaded.cells
        assert not cell.unsupported
        assert alike(cell) == alike(cell_of(found[timeline.start], timeline, LIMITS, "x"))


def test_the_file_says_how_it_was_found() -> None:
    """Title, story, and a claim: that of a loss names the cause, and a leak is a pass to `lab run`."""
    scenario = load(Path("article/idle-subscription"))
    timeline = next(each for each in drawn(menus_of("link-down"), 1, 20) if len(each.faults) == 1)
    loaded = load_text(whole(timeline, scenario, "hold-transport"), Path("/nowhere/found.yaml"))
    assert loaded.title.startswith("hold-transport against link-down at ")
    for word in ("with seed 1", "shrunk from 2, in 3 cells", LOST.text, f"From {timeline.over_s + 20:g} s on"):
        assert word in " ".join(loaded.why.split())
    claim = loaded.cells[0].claim
    assert claim is not None
    assert (claim.verdict.value, claim.cause) == ("fail", "link-down")
    leak = load_text(
        whole(timeline, scenario, "hold-transport", Breach(cause=LEAK, text="x")), Path("/nowhere/found.yaml")
    )
    assert leak.cells[0].claim is not None
    assert leak.cells[0].claim.verdict.value == "pass"


def test_a_network_of_ones_own_and_a_client_of_ones_own_go_with_it(tmp_path: Path) -> None:
    """The network lies beside the file; files of the client's command are named by absolute paths."""
    (tmp_path / "topologies").mkdir()
    text = library.topologies()["home-nat"].read_text(encoding="utf-8").replace("203.0.113.10/", "203.0.113.77/")
    (tmp_path / "topologies" / "mine.yaml").write_text(text, encoding="utf-8")
    client = tmp_path / "client.py"
    client.write_text("#!/bin/sh\n", encoding="utf-8")
    client.chmod(0o755)
    written = (
        "title: mine\ntopology: mine\nmiddlebox: silent-60s\nclient: { command: [./client.py, --fast] }\n"
        "probes: [ { at: 45 s } ]\nends: 60 s\n"
    )
    scenario = load_text(written, tmp_path / "my.yaml")
    (start,) = starts(scenario, "")
    timeline = Timeline(start=start.cell.name)
    found, beside = text_of(scenario, start, timeline, LOST, LIMITS, Story(1, 0, 0))
    for name, content in beside.items():
        place = tmp_path / "elsewhere" / name
        place.parent.mkdir(parents=True)
        place.write_text(content, encoding="utf-8")
    (cell,) = load_text(found, tmp_path / "elsewhere" / "found.yaml").cells
    assert cell.topology == start.cell.topology
    assert cell.client.command == (str(client), "--fast")


def test_udp_has_no_connections_to_break() -> None:
    """What cannot happen in a cell is not on its menu, and the rest is."""
    tls = {course.name for course in menus_of()[0].courses}
    assert {"forged-segment", "server-close", "expired-certificate", "reboot", "link-down"} <= tls
    assert not tls & {"client-move", "dns-change", "revoked-client-certificate"}
    (start,) = starts_of()
    over_udp = load_text(
        load(Path("article/idle-subscription")).text.replace("transport: tls", "transport: udp"), Path("/x/a.yaml")
    )
    udp = {course.name for course in menu(starts(over_udp, "none")[0].cell, (), "a.yaml").courses}
    assert tls - udp == {"forged-segment", "server-close", "expired-certificate"}
    assert start.cell.name == "hold-transport"


def test_every_kind_of_fault_can_be_drawn_somewhere() -> None:
    """No fault has a key of which a search does not know what it may be."""
    text = (
        "title: all of it\ntopology: wifi-and-cellular\nmiddlebox: { home-nat: silent-60s, carrier: silent-60s }\n"
        "server: { by-name: true, client-certificate: required }\nprobes: [ { at: 45 s } ]\nends: 60 s\n"
    )
    scenario = load_text(text, Path("/x/a.yaml"))
    assert {course.name for course in menu(starts(scenario, "none")[0].cell, (), "a.yaml").courses} == set(classes())


def test_words_that_are_no_faults() -> None:
    """All that is wrong with ``--faults`` at once: a word that is none, and a fault that cannot happen there."""
    with pytest.raises(ScenarioError) as refused:
        menus_of("rebot", "client-move")
    assert [(problem.path, problem.what) for problem in refused.value.problems] == [
        ("--faults", "cannot happen here"),
        ("--faults", "no such fault"),
    ]
    assert "did you mean `reboot`?" in str(refused.value)


def test_choices_are_few() -> None:
    """No list from which Hypothesis chooses has a hundred entries, however long the scenario is."""
    (start,) = starts_of()
    for ends in (1.0, 106.0, 3600.0, 86400.0):
        found = menu(replace(start.cell, ends=Seconds(ends)), (), "a.yaml")
        assert len(found.decades_s) <= MOST_MOMENTS + 1
        assert all(len(course.variants) <= MOST_MOMENTS for course in found.courses)


def test_probes_come_when_it_must_have_recovered_and_at_the_end() -> None:
    """The client is watched as long as the scenario lasts, from so long after the last fault as was asked for."""
    (start,) = starts_of()
    timeline = next(each for each in drawn(menus_of("link-down"), 1, 20) if each.faults)
    cell = cell_of(start.cell, timeline, LIMITS, "t1")
    first, last = (float(probe.at) for probe in cell.probes)
    assert first == timeline.over_s + 20.0
    assert last == first + watched_s(start.cell) == first + 106.0
    assert cell.ends > cell.probes[-1].known_at


def test_which_cells_a_search_begins_with() -> None:
    """Cells that differ in faults alone are one; a strategy of the catalog may take the place of the scenario's."""
    everything = load(Path("article/all"))
    assert [each.cell.name for each in starts(everything, "pong-watchdog")] == [
        "idle",
        "nat-silent",
        "nat-repickup",
        "nat-rst-sender",
        "nat-rst-inside",
    ]
    assert [each.cell.strategy.name for each in starts_of(strategy="pong-watchdog")] == ["pong-watchdog"]
    refused = {"": "several strategies", "pong-watchdogg": "no such strategy", "udp-silent": "cannot exist"}
    for strategy, what in refused.items():
        with pytest.raises(ScenarioError, match=what):
            starts_of(strategy=strategy)
