"""A server that moves to another address, before a real pjsip, in virtual time: claims, and what shows them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

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


@pytest.fixture(autouse=True, scope="module")
def kernel_there() -> None:
    if kernel.find() is None:
        kernel.build()


class Run:
    """A run in virtual time that ended with exit code 0 or 1."""

    def __init__(self, scenario: Path, folder: Path) -> None:
        done = run("run", scenario, "--clock", "virtual", "--out", folder / "runs", "--json", home=folder)
        assert done.returncode in (0, 1), done.stdout + done.stderr
        self.status = done.returncode
        self.cells: dict[str, Any] = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
        self._latest = folder / "runs" / "latest"

    def lines(self, name: str, who: str, ev: str) -> list[Any]:
        path = self._latest / self.cells[name]["folder"] / "record.jsonl"
        every = [json.loads(line) for line in path.read_text().splitlines()]
        return [line for line in every if (line["who"], line["ev"]) == (who, ev)]


def test_dns_change(tmp_path: Path) -> None:
    """All claims hold; pings go to the new address, a refresh to the old one, and who comes again finds the new one."""
    ran = Run(ROOT / "scenarios" / "field" / "dns-change.yaml", tmp_path)
    assert ran.status == 0
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


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("black-hole: { at: 20 s, node: internet, direction: in }", "flow-black-holed"),
        ("forged-segment: { at: 20 s, node: home-nat, to: server }", "forged-rst"),
    ],
)
def test_what_strikes_the_flow_to_the_new_address(fault: str, cause: str, tmp_path: Path) -> None:
    """Faults of the current flow follow it there: the probe before it is answered, the one after it is lost."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    (tmp_path / "holed.yaml").write_text(HOLED.replace("FAULT", fault))
    (cell,) = (ran := Run(tmp_path / "holed.yaml", tmp_path)).cells.values()
    assert (cell["verdict"], cell["doubt"], cell["cause"]["kind"]) == ("fail", "", cause)
    assert [probe["answered"] for probe in cell["probes"]] == [True, False]
    struck = [line for line in ran.lines(cell["name"], "server", "flow") if line["state"] == "secured"][-1]
    assert struck["own"] == NEW
