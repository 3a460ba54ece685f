"""Each fault must happen: a cell whose fault does nothing is inconclusive, whatever its probes say.

Two runs of one cell for each, in virtual time: with the fault at work, and with the act itself taken away.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

import pytest

from lab.engine import execute as engine
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.loader.load import load
from lab.loader.one_key_mappings import faults
from lab.model.outcome import Outcome
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.worlds.base import Message
from lab.worlds.clock import Clock
from tests.e2e import noop_faults
from tests.e2e.lab_command import ROOT
from tests.fault_cases import NoEffect, brought

pytestmark = [pytest.mark.virtual, pytest.mark.xdist_group("noop-faults"), pytest.mark.e2e, pytest.mark.timeout(300)]


CASES: dict[str, NoEffect] = {
    "reboot": NoEffect("reboot: { at: 2 s, node: home-nat }", "table", "mappings are still there"),
    "reboot-address": NoEffect(
        "reboot: { at: 2 s, node: home-nat, address: 198.51.100.77 }", "address", "its address is 198.51.100.2/24"
    ),
    "evict-flow": NoEffect("evict-flow: { at: 2 s, node: home-nat }", "eviction", "the mapping is still there"),
    "black-hole": NoEffect("black-hole: { at: 2 s, node: internet }", "losses", "0 rules in place instead of 4"),
    "forged-segment": NoEffect("forged-segment: { at: 2 s, node: internet }", "segment", "0 segments on the wire"),
    "link-down": NoEffect(
        "link-down: { at: 2 s, link: access, lasts: 9 s }", "losses", "0 rules in place instead of 2"
    ),
    "mtu-black-hole": NoEffect("mtu-black-hole: { at: 2 s, link: access, mtu: 400 }", "losses", "0 rules in place"),
    "server-close": NoEffect("server-close: { at: 2 s }", "close", "the server's flow did not end"),
    "server-restart": NoEffect("server-restart: { at: 2 s }", "restart", "still listening on"),
    "server-freeze": NoEffect("server-freeze: { at: 7 s, lasts: 4 s }", "stop", "its process was not stopped"),
    "server-mute": NoEffect("server-mute: { at: 2 s }", "manner", "it answered a request"),
    "server-slow": NoEffect("server-slow: { at: 2 s, by: 1 s }", "manner", "an answer to what was not held"),
    "expired-certificate": NoEffect(
        "expired-certificate: { at: 2 s }", "certificate", "meets a certificate that is valid"
    ),
    "dns-failure": NoEffect("dns-failure: { at: 2 s }", "names", "who asks for the name is told 203.0.113.10"),
    "dns-change": NoEffect("dns-change: { at: 2 s, address: 203.0.113.20 }", "moving", "is told 203.0.113.10"),
    "dns-change-silent": NoEffect(
        "dns-change: { at: 2 s, address: 203.0.113.20, old: silent }", "losses", "0 rules in place instead of 2"
    ),
    "revoked-client-certificate": NoEffect(
        "revoked-client-certificate: { at: 2 s }", "revocation", "shown by another, is accepted"
    ),
    "client-move": NoEffect("client-move: { at: 2 s }", "move", "its packets leave from 10.0.0.2"),
    "client-move-stays-up": NoEffect("client-move: { at: 2 s }", "losses", "0 rules in place instead of 2"),
    **{name: case for cases in brought() for name, case in cases.no_effect.items()},
}

SCENARIO = """\
title: Faults that do nothing
topology: wifi-and-cellular
middlebox: {{ home-nat: never-forgets, carrier: never-forgets }}
server:
  subscription-expires: 9 s           # pjsip refreshes at 4 s, so that the server is asked something
  by-name: true
  client-certificate: required        # which can be revoked
matrix:
  failure:
{failures}
probes: [{{ at: 8 s, within: 2 s }}]
ends: 14 s
"""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], Outcome]:
    """What came of each cell, by case and whether its fault was at work."""
    folder = tmp_path_factory.mktemp("noop-faults")
    shutil.copytree(ROOT / "topologies", folder / "topologies")
    failures = "\n".join(f"    - {{ name: {name}, faults: [{{ {case.fault} }}] }}" for name, case in CASES.items())
    (folder / "noop.yaml").write_text(SCENARIO.format(failures=failures))
    scenario = load(folder / "noop.yaml")
    cells: dict[tuple[str, bool], Cell] = {}
    for cell in scenario.cells:
        cells[cell.name, True] = cell
        cells[cell.name, False] = replace(cell, name=f"{cell.name}-undone")

    def watch(run: RunFolder) -> Callable[[Message], None]:
        for (name, at_work), cell in cells.items():
            undone = "" if at_work else CASES[name].undone
            (run.cell(cell) / noop_faults.FILE_NAME).write_text(undone, encoding="utf-8")
        return lambda message: None

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setattr(engine, "CELL", noop_faults.JOB)
        together = replace(scenario, cells=tuple(cells.values()))
        order = RunRequest(scenario=together, out=folder / "runs", clock=Clock.VIRTUAL, watch=watch, shares=False)
        (ran,) = engine.execute([order])
    return {key: ran[cell.name].outcome for key, cell in cells.items()}


def test_every_fault_has_its_case() -> None:
    """A new fault must show that it cannot fail unnoticed; nothing that can be left undone goes untried."""
    assert {case.fault.partition(":")[0] for case in CASES.values()} == set(faults())
    assert {name for case in CASES.values() for name in case.undone.split()} == set(noop_faults.UNDONE)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_at_work(name: str, outcomes: dict[tuple[str, bool], Outcome]) -> None:
    """There is no doubt that it happened."""
    outcome = outcomes[name, True]
    assert (outcome.doubt, outcome.verdict in (Verdict.PASS, Verdict.FAIL)) == ("", True)


@pytest.mark.parametrize("name", CASES)
def test_a_fault_that_does_nothing(name: str, outcomes: dict[tuple[str, bool], Outcome]) -> None:
    """The cell is neither a pass nor a failure, and says what it misses."""
    outcome = outcomes[name, False]
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.doubt.startswith("fault 1 (")
    assert CASES[name].doubt in outcome.doubt
