"""A server that moves to another address, before a real pjsip, in virtual time: claims, and what shows them."""

from __future__ import annotations

import pytest

from lab.model.twin import TwinPlan
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

OLD, NEW = "203.0.113.10:5061", "203.0.113.20:5061"
TIMER_F_S = 32.0  # RFC 3261 §17.1.2.2

HOLED = """\
title: A black hole for a flow to where the server has moved
source: https://www.rfc-editor.org/rfc/rfc3263
topology: home-nat
middlebox: never-forgets
server: { by-name: true }
strategy: { name: held, mitigations: [hold-transport, reconnect] }
faults:
  - dns-change: { at: 5 s, address: 203.0.113.20 }
  - server-close: { at: 10 s }
  - FAULT
probes: [{ at: 15 s }, { at: 40 s }]
ends: 50 s
"""

FAULTS = {
    "black-hole": ("black-hole: { at: 20 s, node: internet, direction: in }", "flow-black-holed"),
    "forged-segment": ("forged-segment: { at: 20 s, node: home-nat, to: server }", "forged-rst"),
}
HOLED_BY = {name: Cells(HOLED.replace("FAULT", fault), name=f"moved-{name}") for name, (fault, _) in FAULTS.items()}
CHANGE = Cells(ROOT / "scenarios" / "field" / "dns-change.yaml", twins=TwinPlan(moments=1, causes=True))


@pytest.mark.cells(CHANGE)
def test_dns_change(virtually: Virtually) -> None:
    """All claims hold; pings go to the new address, a refresh to the old one, and who comes again finds the new one."""
    ran = virtually(CHANGE)
    assert ran.status == 0, ran.said
    assert all(cell["claim"]["holds"] for cell in ran.cells.values())

    pinged = "options-25s-drop-reconnect,moved-silent"
    flows = {flow["id"]: flow["own"] for flow in ran.lines(pinged, "server", "flow") if flow["state"] == "secured"}
    requests = [(line["method"], flows[line["flow"]]) for line in ran.lines(pinged, "server", "request")]
    assert requests[0] == ("SUBSCRIBE", OLD)
    assert set(requests[1:]) == {("OPTIONS", NEW)}
    answers = ran.lines(pinged, "client", "options-answer")
    assert len(answers) == len(ran.lines(pinged, "client", "options-sent")) >= 5
    assert {answer["code"] for answer in answers} == {200}

    sooner, later = "refresh-below-32s,moved-silent", "refresh-above-32s,moved-silent"
    unanswered = next(line for line in ran.lines(later, "client", "request-sent") if line["t"] > 20)
    (given_up,) = ran.lines(later, "client", "unanswered")
    assert given_up["t"] - unanswered["t"] == pytest.approx(TIMER_F_S, abs=0.5)
    assert ran.lines(sooner, "client", "unanswered") == []
    for name in ("reconnect,moved", "watchdog-reconnect,moved-closed", later):
        (*_, newest) = (line for line in ran.lines(name, "server", "flow") if line["state"] == "secured")
        assert newest["own"] == NEW


@pytest.mark.cells(*HOLED_BY.values())
@pytest.mark.parametrize("name", FAULTS)
def test_what_strikes_the_flow_to_the_new_address(name: str, virtually: Virtually) -> None:
    """Faults of the current flow follow it there: the probe before it is answered, the one after it is lost."""
    (cell,) = (ran := virtually(HOLED_BY[name])).cells.values()
    assert (cell["verdict"], cell["doubt"], cell["cause"]["kind"]) == ("fail", "", FAULTS[name][1])
    assert [probe["answered"] for probe in cell["probes"]] == [True, False]
    struck = [line for line in ran.lines(cell["name"], "server", "flow") if line["state"] == "secured"][-1]
    assert struck["own"] == NEW
