"""Calls that end with the server that made them, and calls whose ACK another call cannot stand in for."""

from __future__ import annotations

import pytest

from lab.servers.kamailio import child
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

RESTART = """\
title: A server ends while it holds a call over UDP, which has no connection that would end
topology: home-nat
middlebox: never-forgets
transport: udp
client: { account: register-and-subscribe }
server: { software: scripted, notify-route: contact }
matrix:
  failure:
    - { name: forgets, faults: [server-restart: { at: 10 s }] }
    KEEPS
probes: [{ at: 5 s, kind: invite, hold: 15 s }]
ends: 40 s
claims: [{ verdict: fail, cause: server-restarted, at: 10 s }]
"""
KEEPS = "- { name: keeps, faults: [server-restart: { at: 10 s, keeps-state: true }] }"
SCRIPTED = Cells(RESTART.replace("KEEPS", KEEPS), name="restart-in-a-call")
KAMAILIO = Cells(
    RESTART.replace("software: scripted", "software: kamailio").replace("    KEEPS\n", ""),
    name="kamailio-restart-in-a-call",
)

ACK = """\
title: The ACK of one call is lost, that of the next is not
topology: home-nat
middlebox: never-forgets
transport: udp
impairments:
  - { from: home-nat, to: internet, one-way-delay: 500 ms }
  - { from: internet, to: home-nat, one-way-delay: 500 ms }
faults: [link-down: { at: 11.2 s, link: access, lasts: 3.8 s }]
probes: [{ at: 10 s, kind: invite, hold: 5 s }, { at: 14.9 s, kind: invite, hold: 10 s }]
ends: 40 s
claims: [{ verdict: fail, cause: link-down, at: 11.2 s }]
"""
OVERLAP = Cells(ACK, name="two-calls")


def _check_nobody_hangs_up(cells: Cells, virtually: Virtually) -> None:
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    for name, cell in seen.cells.items():
        said = [(line["state"], line["reason"]) for line in seen.lines(name, "server", "probe")]
        assert said == [("sent", ""), ("talking", ""), ("failed", "server-down")]
        assert cell["metrics"]["delivered"] == 0


@pytest.mark.cells(SCRIPTED)
def test_a_dead_server_ends_no_call(virtually: Virtually) -> None:
    """Whatever a database keeps, calls and their timers end with the process."""
    _check_nobody_hangs_up(SCRIPTED, virtually)


@pytest.mark.cells(KAMAILIO)
@pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`")
def test_a_dead_kamailio_ends_no_call(virtually: Virtually) -> None:
    """Nor does the lab in its stead."""
    _check_nobody_hangs_up(KAMAILIO, virtually)


@pytest.mark.cells(OVERLAP)
def test_another_call_s_ack_confirms_nothing(virtually: Virtually) -> None:
    """The client sees one of two overlapping calls begin; the other has failed."""
    seen = virtually(OVERLAP)
    assert seen.status == 0, seen.said
    (name,) = seen.cells
    assert [probe["answered"] for probe in seen.cells[name]["probes"]] == [False, True]
