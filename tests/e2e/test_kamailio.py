"""Kamailio and the scripted server: the same scenarios, the same verdicts and causes, in virtual and in real time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.servers.kamailio import child
from tests.e2e.lab_command import ROOT, run
from tests.e2e.together import Cells, Virtually

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"),
]

ARTICLE, FIELD = ROOT / "scenarios" / "article", ROOT / "scenarios" / "field"

BOTH = """\
title: A short silence
topology: home-nat
middlebox: { name: forgets-soon, base: silent-60s, established-idle-timeout: 4 s }
transport: tls
matrix:
  strategy: [none]
  server: [scripted, kamailio]
probes: [{ at: 1 s }, { at: 7 s }]
ends: 13 s
claims:
  - { server: [scripted, kamailio], verdict: fail, cause: middlebox-forgot-flow, at: 5 s, within: 1 s }
"""

RINGING = """\
title: A client that rings for longer than it may take to answer
topology: home-nat
middlebox: never-forgets
transport: tcp
matrix:
  server: [scripted, kamailio]
  failure:
    - { name: nothing }
    - { name: lost, faults: [black-hole: { at: while the INVITE is pending, node: internet }] }
probes: [{ at: 8 s, kind: invite, ring: 6 s, within: 2 s, hold: 2 s }]
ends: 26 s
claims:
  - { failure: nothing, verdict: pass }
  - { verdict: fail, cause: flow-black-holed, at: 8 s }
"""

BEHIND_EITHER, RINGS = Cells(BOTH, name="both"), Cells(RINGING, name="kamailio-ringing")


def with_kamailio(file: Path, *only: str) -> Cells:
    """Cells of a scenario that does not say which program serves, with Kamailio."""
    return Cells(file, only=only, server="kamailio")


MOVES = with_kamailio(FIELD / "dns-change.yaml", "strategy=options-25s-drop-reconnect")
CANNOT = with_kamailio(ARTICLE / "server-keeps-alive.yaml", "strategy=server-crlf-25s")


def _param(cells: Cells, *more: str) -> object:
    assert isinstance(cells.scenario, Path)
    return pytest.param(cells, *more, marks=pytest.mark.cells(cells), id=cells.scenario.stem)


@pytest.mark.parametrize(
    "cells",
    [
        _param(with_kamailio(ARTICLE / f"{name}.yaml"))
        for name in ("idle-subscription", "idle-behind-nat", "silent-call")
    ],
)
def test_the_article_s_claims_hold_with_kamailio(cells: Cells, virtually: Virtually) -> None:
    """They were made of the scripted server: verdict, cause and its moment."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    assert seen.cells
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())
    folder = seen.folder(next(iter(seen.cells)))
    assert "loadmodule" in (folder / "kamailio.cfg").read_text("utf-8")
    assert "@lab ready" in (folder / "server.log").read_text("utf-8")
    assert json.loads((folder / "kamailio.json").read_text("utf-8"))["statistics"]["core:rcv_requests_subscribe"] == 1


@pytest.mark.parametrize(
    ("cells", "struck", "harm"),
    [
        _param(with_kamailio(FIELD / f"{name}.yaml"), struck, harm)
        for name, struck, harm in (
            ("expired-certificate", "reconnect,expired-closed", "PJSIP_TLS_ECERTVERIF"),
            ("revoked-client-certificate", "reconnect,revoked-closed", "certificate verify failed"),
            ("dns-failure", "reconnect,servfail-closed", '"answer": "servfail"'),
        )
    ],
)
def test_names_and_certificates(cells: Cells, struck: str, harm: str, virtually: Virtually) -> None:
    """The claims hold that were made of the scripted server.

    The cause of the cell that a fault has struck stands on the harm, as its side tells it.
    """
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())
    _, line = seen.cells[struck]["cause"]["evidence"]
    assert harm in json.dumps(seen.record(struck)[line - 1])


@pytest.mark.cells(MOVES)
def test_a_server_that_moves(virtually: Virtually) -> None:
    """Kamailio serves at both addresses: the pings go to the new one, the subscription stays with the old one."""
    seen = virtually(MOVES)
    assert seen.status == 0, seen.said
    assert {cell["axes"]["failure"]: cell["claim"]["holds"] for cell in seen.cells.values()} == dict.fromkeys(
        ("moved", "moved-closed", "moved-silent"), True
    )
    (silent,) = (name for name, cell in seen.cells.items() if cell["axes"]["failure"] == "moved-silent")
    own = {line["id"]: line["own"] for line in seen.lines(silent, "server", "flow")}
    requests = [(line["method"], own[line["flow"]]) for line in seen.lines(silent, "server", "request")]
    assert requests[0] == ("SUBSCRIBE", "203.0.113.10:5061")
    assert set(requests[1:]) == {("OPTIONS", "203.0.113.20:5061")}


def test_a_matrix_of_servers_in_real_time(tmp_path: Path) -> None:
    """In one run, side by side, as a user runs it."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    scenario = tmp_path / "both.yaml"
    scenario.write_text(BOTH, "utf-8")
    done = run("run", scenario, "--clock", "real", "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [cell["axes"]["server"] for cell in json.loads(done.stdout)["cells"]] == ["scripted", "kamailio"]


@pytest.mark.cells(BEHIND_EITHER)
def test_a_matrix_of_servers_in_virtual_time(virtually: Virtually) -> None:
    """The same claims hold."""
    seen = virtually(BEHIND_EITHER)
    assert seen.status == 0, seen.said
    assert [cell["axes"]["server"] for cell in seen.cells.values()] == ["scripted", "kamailio"]


@pytest.mark.cells(RINGS)
def test_a_call_that_rings_is_the_same_with_both(virtually: Virtually) -> None:
    """Its 180 is told, a fault can go by it, and the time to answer counts from the end of the ringing."""
    seen = virtually(RINGS)
    assert seen.status == 0, seen.said
    assert len(seen.cells) == 4
    for name in seen.cells:
        (rings,) = (line for line in seen.record(name) if line.get("state") == "ringing")
        assert (rings["ev"], rings["code"]) == ("probe", 180)


@pytest.mark.cells(CANNOT)
def test_what_it_cannot_do_is_said(virtually: Virtually) -> None:
    """Such a cell is not run, and never passes."""
    (cell,) = virtually(CANNOT).cells.values()
    assert cell["verdict"] == "unsupported"
    assert "CRLF" in cell["doubt"]
