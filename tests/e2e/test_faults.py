"""Every fault in a cell of its own, in real time, many side by side: less than a minute.

Probes are due at 8 s, before any of the client's own timers can end its transport (33 s).
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.loader.one_key_mappings import faults
from lab.worlds.clock import Clock
from tests.e2e.together import Cells, run_together
from tests.fault_cases import brought

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.waits(50),
    pytest.mark.xdist_group("faults"),
    pytest.mark.timeout(300),
]  # the first test waits for all cells

SCENARIO = """\
title: {name}
topology: {topology}
middlebox: {middlebox}
transport: {transport}
server: {{ subscription-expires: {expires} s, client-certificate: {certificate}, by-name: {by_name} }}
faults: [{fault}]
probes: [{probes}]
ends: 13 s
"""

LOST = {
    "reboot": ("reboot: { at: 2 s, node: home-nat }", "middlebox-lost-table"),
    "reboot-udp": ("reboot: { at: 2 s, node: home-nat }", "middlebox-lost-table"),
    "new-address": ("reboot: { at: 2 s, node: home-nat, address: 198.51.100.77 }", "middlebox-new-address"),
    "eviction": ("evict-flow: { at: 2 s, node: home-nat }", "middlebox-evicted-flow"),
    "black-hole": ("black-hole: { at: 2 s, node: internet }", "flow-black-holed"),
    "black-hole-udp": ("black-hole: { at: 2 s, node: home-nat, direction: in }", "flow-black-holed"),
    "black-hole-out": ("black-hole: { at: 2 s, node: home-nat, direction: out }", "flow-black-holed"),
    "rst-to-client": ("forged-segment: { at: 2 s, node: internet, to: client }", "forged-rst"),
    "rst-to-server": ("forged-segment: { at: 2 s, node: home-nat, to: server }", "forged-rst"),
    "fin-to-both": ("forged-segment: { at: 2 s, node: home-nat, flag: fin }", "forged-fin"),
    "link-down": ("link-down: { at: 2 s, link: access, lasts: 30 s }", "link-down"),
    "mtu": ("mtu-black-hole: { at: 2 s, link: access, mtu: 400 }", "mtu-black-hole"),
    "close": ("server-close: { at: 2 s }", "server-closed-flow"),
    "restart": ("server-restart: { at: 2 s }", "server-restarted"),
    "restart-keeps-state": ("server-restart: { at: 2 s, keeps-state: true }", "server-restarted"),
    "move": ("client-move: { at: 2 s }", "client-changed-address"),
    "move-told": ("client-move: { at: 2 s, told: true }", "client-changed-address"),
    "evicted-by-a-cgn": ("evict-flow: { at: 2 s, node: cgn }", "middlebox-evicted-flow"),
    "rst-behind-a-cgn": ("forged-segment: { at: 2 s, node: home-nat, to: server }", "forged-rst"),
    "freeze": ("server-freeze: { at: 7 s, lasts: 3 s }", "server-froze"),
    "moves": ("dns-change: { at: 2 s, address: 203.0.113.20, old: silent }", "server-moved"),
    "mute-before-refresh": ("server-mute: { at: 1 s before the refresh }", "server-mute"),
    "slow-before-refresh": ("server-slow: { at: 1 s before the refresh, by: 9 s }", "server-slow"),
    **{name: case for cases in brought() for name, case in cases.costs.items()},
}
"""Faults that cost the probe, and the cause that must be found."""

KEPT = {
    "black-hole-mends": "black-hole: { at: 2 s, node: home-nat, lasts: 2 s }",
    "link-mends": "link-down: { at: 2 s, link: access, lasts: 2 s }",
    "mtu-large-enough": "mtu-black-hole: { at: 2 s, link: access, mtu: 1400 }",
    "thaws": "server-freeze: { at: 2 s, lasts: 2 s }",
    "mute-while-nobody-asks": "server-mute: { at: 2 s }",
    "certificate-nobody-meets": "expired-certificate: { at: 2 s }",
    "revocation-nobody-meets": "revoked-client-certificate: { at: 2 s }",
    "name-nobody-asks-for": "dns-failure: { at: 2 s }",
    "moves-and-serves": "dns-change: { at: 2 s, address: 203.0.113.20 }",
    "slow-refresh": "server-slow: { at: 1 s before the refresh, by: 500 ms }",
    "after-refreshed": "server-mute: { at: 500 ms after refreshed }",
}
"""Faults that cost nothing."""

DOUBTFUL = {
    "never-reconnects": "server-close: { at: 1 s after reconnected }",
}
"""Faults that cannot happen: the cell says so instead of passing."""

EXPIRES_BY_NAME = {
    "mute-before-refresh": 7,
    "slow-before-refresh": 7,
    "refused-refresh": 7,
    "slow-refresh": 9,
    "after-refreshed": 9,
}
"""Seconds; pjsip refreshes 5 s before the end, so at 2 s or 4 s."""

SHOWN = {"revocation-nobody-meets"}
"""Where the client has to show a certificate."""

NAMED = {"name-nobody-asks-for", "moves", "moves-and-serves"}
"""Where the client knows the server's name only."""

TOPOLOGIES = {
    "move": "wifi-and-cellular",
    "move-told": "wifi-and-cellular",
    "evicted-by-a-cgn": "cgn",
    "rst-behind-a-cgn": "cgn",
    **{name: cases.topology for cases in brought() for name in cases.costs},
}
MIDDLEBOXES = {
    "home-nat": "never-forgets",
    "wifi-and-cellular": "{ home-nat: never-forgets, carrier: never-forgets }",
    "cgn": "{ home-nat: never-forgets, cgn: never-forgets }",
}

SIDE_BY_SIDE = 15
"""Cells at a time, so that two processors can start them all without any of them waiting for long."""

Cell = dict[str, Any]


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Cell]:
    """The report of each cell, with its record's lines of the runner."""
    written = {**{name: fault for name, (fault, _) in LOST.items()}, **KEPT, **DOUBTFUL}
    scenarios = {
        name: Cells(
            SCENARIO.format(
                name=name,
                fault="{" + fault + "}",
                topology=TOPOLOGIES.get(name, "home-nat"),
                middlebox=MIDDLEBOXES[TOPOLOGIES.get(name, "home-nat")],
                transport="udp" if name.endswith("udp") else "tls",
                certificate="required" if name in SHOWN else "none",
                by_name=str(name in NAMED).lower(),
                expires=EXPIRES_BY_NAME.get(name, 600),
                probes="{ at: 8 s, within: 2 s }",
            ),
            name=name,
        )
        for name, fault in written.items()
    }
    ran = run_together(scenarios.values(), tmp_path_factory.mktemp("faults"), clock=Clock.REAL, jobs=SIDE_BY_SIDE)
    found = {}
    others = ("record", "probe", "sentinel-opened", "sentinel-challenged", "sentinel-outcome")
    for name, which in scenarios.items():
        seen = ran(which)
        assert seen.status in (0, 1), seen.said  # 1: inconclusive
        ((of, cell),) = seen.cells.items()
        lines = [line for line in seen.record(of) if line["who"] == "runner" and line["ev"] not in others]
        found[name] = {**cell, "lines": lines}
    return found


def test_every_fault_is_tried() -> None:
    """A fault added to the lab needs a cell."""
    tried = {fault.partition(":")[0] for fault in (*KEPT.values(), *(fault for fault, _ in LOST.values()))}
    assert tried == set(faults())


@pytest.mark.parametrize("name", LOST)
def test_a_fault_that_costs_the_probe_is_its_cause(name: str, cells: dict[str, Cell]) -> None:
    """The probe fails, and the judge names the fault, its time, and the line that shows it."""
    cell, (_, cause) = cells[name], LOST[name]
    assert (cell["verdict"], cell["doubt"], cell["error"]) == ("fail", "", None)
    assert cell["cause"]["kind"] == cause
    begun = next(line for line in cell["lines"] if line["ev"] == "fault")
    assert abs(cell["cause"]["at_s"] - begun["t"]) < 0.001
    assert [line["ev"] for line in cell["lines"]] == ["fault", "fault-over", "end"]


@pytest.mark.parametrize("name", KEPT)
def test_a_fault_that_is_over_or_misses_costs_nothing(name: str, cells: dict[str, Cell]) -> None:
    """The probe is answered, and the fault did happen."""
    cell = cells[name]
    assert (cell["verdict"], cell["doubt"], cell["error"]) == ("pass", "", None)
    assert [line["ev"] for line in cell["lines"]] == ["fault", "fault-over", "end"]


@pytest.mark.parametrize("name", DOUBTFUL)
def test_a_fault_without_effect_makes_inconclusive(name: str, cells: dict[str, Cell]) -> None:
    """Neither pass nor fail."""
    assert cells[name]["verdict"] == "inconclusive"
    assert "fault 1" in cells[name]["doubt"]


def test_moments_before_and_after_the_refresh(cells: dict[str, Cell]) -> None:
    """The refresh is due 5 s before the end that was granted; what is counted from it comes when it should."""
    times = {
        name: next(line["t"] for line in cells[name]["lines"] if line["ev"] == "fault") for name in EXPIRES_BY_NAME
    }
    assert times["mute-before-refresh"] == pytest.approx(1.0, abs=0.3)
    assert times["slow-refresh"] == pytest.approx(3.0, abs=0.3)
    assert times["after-refreshed"] == pytest.approx(4.5, abs=0.5)


def test_what_losses_cost_is_counted(cells: dict[str, Cell]) -> None:
    """The end of a fault that loses packets says how many."""
    for name in ("black-hole", "link-down", "mtu"):
        over = next(line for line in cells[name]["lines"] if line["ev"] == "fault-over")
        assert over["dropped"] > 0
    over = next(line for line in cells["mtu-large-enough"]["lines"] if line["ev"] == "fault-over")
    assert over["dropped"] == 0
