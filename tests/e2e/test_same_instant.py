"""A probe on the very instant of a fault, in virtual time: one verdict, however often it is tried."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

FAULTS = {
    "link-down": ("link-down: { at: 40 s, link: access, lasts: 20 s }", "link-down"),
    "evicted": ("evict-flow: { at: 40 s, node: home-nat }", "middlebox-evicted-flow"),
    "restarted": ("server-restart: { at: 40 s }", "server-restarted"),
    "rebooted": ("reboot: { at: 40 s, node: home-nat }", "middlebox-lost-table"),
    "black-holed": ("black-hole: { at: 40 s, node: home-nat, lasts: 20 s }", "flow-black-holed"),
    "remapped": ("port-remap: { at: 40 s, node: home-nat }", "middlebox-remapped-port"),
    "froze": ("server-freeze: { at: 40 s, lasts: 20 s }", "server-froze"),
}
AGAIN = 3
"""How often each is tried: half of the tries used to differ."""


LASTING = ("link-down", "black-holed", "froze")


def scenario(at: str, *faults: str) -> str:
    """Return a scenario with each of these faults, several times, and a probe at a time."""
    failures = "".join(
        f"    - {{ name: {name}-{number}, faults: [{FAULTS[name][0]}] }}\n"
        for name in faults
        for number in range(AGAIN)
    )
    return f"""\
title: A probe on the instant of a fault
topology: home-nat
middlebox: never-forgets
transport: udp
matrix:
  failure:
{failures}probes: [{{ at: {at} }}]
ends: 70 s
"""


TOGETHER = Cells(scenario("40 s", *FAULTS), name="together-with-it")
OVER = Cells(scenario("60 s", *LASTING), name="as-it-ends")
KAMAILIO = Cells(scenario("40 s", *FAULTS), name="together-with-it", server="kamailio", only=("failure=froze-0",))

pytestmark = [pytest.mark.e2e]


@pytest.mark.cells(TOGETHER, KAMAILIO)
def test_the_fault_comes_first(virtually: Virtually) -> None:
    """Each probe is lost to the fault of its instant."""
    for cells in (TOGETHER, KAMAILIO):
        for name, cell in virtually(cells).cells.items():
            cause = FAULTS[name.rpartition("-")[0]][1]
            assert (cell["verdict"], (cell["cause"] or {}).get("kind")) == ("fail", cause), name


@pytest.mark.cells(OVER)
def test_a_fault_is_over_when_its_time_is(virtually: Virtually) -> None:
    """A probe on the instant at which a disturbance ends arrives."""
    assert {cell["verdict"] for cell in virtually(OVER).cells.values()} == {"pass"}


UP = Cells(
    """\
title: A probe on the instant at which the server is there again
topology: home-nat
middlebox: never-forgets
transport: udp
server: { notify-route: contact }
client: { account: register-and-subscribe }
matrix:
  failure:
"""
    + "".join(
        f"    - {{ name: restarted-{number}, faults: [server-restart: {{ at: 40 s, keeps-state: true }}] }}\n"
        for number in range(2 * AGAIN)
    )
    + "probes: [{ at: 41 s }]\nends: 60 s\n",
    name="up-again",
)


@pytest.mark.cells(UP)
def test_a_server_is_there_when_it_has_come_up(virtually: Virtually) -> None:
    """It listens before it is told to send."""
    assert {cell["verdict"] for cell in virtually(UP).cells.values()} == {"pass"}


STRUCK = Cells(
    """\
title: A fault strikes what the client uses
topology: home-nat
middlebox: never-forgets
transport: tcp
client: { account: register-and-subscribe }
matrix:
  failure:
    - { name: nothing }
    - { name: black-holed, faults: [black-hole: { at: 60 s, node: home-nat }] }
    - { name: evicted, faults: [evict-flow: { at: 60 s, node: home-nat }] }
    - { name: remapped, faults: [port-remap: { at: 60 s, node: home-nat }] }
    - { name: forged, faults: [forged-segment: { at: 60 s, node: home-nat }] }
    - { name: closed, faults: [server-close: { at: 60 s }] }
faults: [server-close: { at: 20 s }]   # the client registers anew, and leaves its subscription behind
probes: [{ at: 70 s, kind: options }]
ends: 80 s
claims:
  - { failure: black-holed, verdict: fail, cause: flow-black-holed, at: 60 s }
  - { failure: evicted, verdict: fail, cause: middlebox-evicted-flow, at: 60 s }
  - { failure: remapped, verdict: fail, cause: middlebox-remapped-port, at: 60 s }
  - { verdict: pass }                  # it hears of the end of its connection, and registers again
""",
    name="struck",
)


@pytest.mark.cells(STRUCK)
def test_a_fault_strikes_what_the_client_uses(virtually: Virtually) -> None:
    """Not the flow of its subscription, which is dead."""
    seen = virtually(STRUCK)
    assert seen.status == 0, seen.said
    for name in ("black-holed", "evicted", "remapped", "forged", "closed"):
        _, second = seen.lines(name, "runner", "fault")
        assert second["proof"]["flow"] == "f2", name


NAMES = Cells(
    """\
title: A frozen server, and a name server beside it
topology: home-nat
middlebox: never-forgets
server: { by-name: true }
matrix:
  strategy: [none, options-ping-25s]
  failure:
    - { name: frozen }
    - { name: name-server-silent, faults: [dns-failure: { at: 20 s, lasts: 150 s }] }
faults: [server-freeze: { at: 20 s, lasts: 100 s }]
probes: [{ at: 200 s }]
ends: 210 s
claims:
  - { strategy: none, verdict: fail, cause: client-idle-timer }
  - { failure: frozen, verdict: pass }                             # its ping fails, and it finds the server again
  - { verdict: fail }
""",
    name="frozen-by-name",
)
NAMES_OF_KAMAILIO = Cells(str(NAMES.scenario), name=NAMES.name, server="kamailio")


@pytest.mark.cells(NAMES, NAMES_OF_KAMAILIO)
def test_a_frozen_server_does_not_freeze_the_name_server(virtually: Virtually) -> None:
    """It is another program: it answers meanwhile, and a fault of its own still works."""
    for cells in (NAMES, NAMES_OF_KAMAILIO):
        seen = virtually(cells)
        assert seen.status == 0, seen.said
        asked = seen.lines("options-ping-25s,frozen", "server", "query")
        assert any(20 < line["t"] < 120 and line["answer"] == "203.0.113.10" for line in asked)
