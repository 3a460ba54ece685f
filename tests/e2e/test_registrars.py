"""Registrar policies and contacts whose connection is gone: each shows in the record, and both servers agree."""

from __future__ import annotations

from typing import Any

import pytest

from lab.servers.kamailio import child
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

FIELD = ROOT / "scenarios" / "field"
PHONE = FIELD / "new-port-phone.py"
needs_kamailio = pytest.mark.skipif(
    child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"
)

POLICIES = """\
title: A phone that comes back from another port over TCP, three times before it is called
topology: home-nat
middlebox: never-forgets
transport: tcp
client: {{ account: register-and-subscribe, command: [python3, new-port-phone.py, every=10, instance=yes] }}
matrix:
  server:
    - {{ software: {0}, name: adds }}
    - {{ software: {0}, name: by-instance, registrar: {{ matches-by: instance }} }}
    - {{ software: {0}, name: by-connection, registrar: {{ matches-by: connection }} }}
    - {{ software: {0}, name: only-one, registrar: {{ at-most: 1 }} }}
    - {{ software: {0}, name: makes-room, registrar: {{ at-most: 2 }} }}
    - {{ software: {0}, name: refuses, registrar: {{ at-most: 2, when-full: refuse }} }}
    - {{ software: {0}, name: removes-closed, registrar: {{ removes-closed: true }} }}
probes:
  - {{ at: 35 s, kind: invite, ring: 1 s, hold: 1 s }}
  - {{ at: 38 s, kind: options }}
ends: 48 s
claims:
  - {{ server: refuses, verdict: fail, cause: client-closed-transport, at: 20 s }}
  - {{ verdict: pass }}
"""
CONTACTS = {
    "adds": 4, "by-instance": 1, "by-connection": 4, "only-one": 1, "makes-room": 2, "refuses": 2, "removes-closed": 1,
}  # fmt: skip
"""To how many contacts the call forks."""
STALE = {
    "adds": 5, "by-instance": 1, "by-connection": 5, "only-one": 1, "makes-room": 2, "refuses": 3, "removes-closed": 1,
}  # fmt: skip
"""What the server holds at the end although its connection is gone; the subscription is always among it."""
NOT_IN_KAMAILIO = ("by-connection", "makes-room")
SCRIPTED, KAMAILIO = (
    Cells(POLICIES.format(server), name=f"policies-of-{server}", beside=(PHONE,)) for server in ("scripted", "kamailio")
)

GONE = """\
title: A phone whose connection is gone when it is called, and which registers again after ten seconds
topology: home-nat
middlebox: {{ name: rejects, base: never-forgets, forgotten: rst-to-sender }}
transport: tcp
client: {{ account: register-and-subscribe, command: [python3, new-port-phone.py, every=20, away=10] }}
matrix:
  server:
    - {{ software: {0}, name: fails }}
    - {{ software: {0}, name: connects, on-gone-connection: connect }}
    - {{ software: {0}, name: waits, on-gone-connection: wait, wait: 20 s }}
    - {{ software: {0}, name: waits-too-short, on-gone-connection: wait, wait: 4 s }}
probes: [{{ at: 22 s, kind: invite, within: 15 s, ring: 1 s, hold: 1 s }}]
ends: 56 s
claims:
  - {{ server: waits, verdict: pass }}
  - {{ verdict: fail, cause: client-closed-transport, at: 20 s }}
"""
OF_SCRIPTED, OF_KAMAILIO = (
    Cells(GONE.format(server), name=f"gone-with-{server}", beside=(PHONE,)) for server in ("scripted", "kamailio")
)
FIELD_REPORT = Cells(FIELD / "sipsorcery-1375.yaml")


def _branches(cell: dict[str, Any]) -> list[list[str]]:
    """What is said of each contact, probe by probe."""
    return [[branch["text"] for branch in probe["branches"]] for probe in cell["probes"]]


def _check_policies(cells: Cells, virtually: Virtually, *, lacks: tuple[str, ...]) -> None:
    seen = virtually(cells)
    assert {name for name, cell in seen.cells.items() if cell["verdict"] == "unsupported"} == set(lacks)
    for name, cell in seen.cells.items():
        if name in lacks:
            continue
        assert cell["claim"]["holds"], (name, cell["claim"], cell["doubt"])
        call, options = _branches(cell)
        assert (len(call), len(options)) == (CONTACTS[name], CONTACTS[name]), name
        dead = [text for text in call if text.endswith("its connection was gone")]
        assert len(dead) == CONTACTS[name] - (name != "refuses"), call
        assert cell["metrics"]["stale_contacts"] == STALE[name]


@pytest.mark.cells(SCRIPTED)
def test_what_a_registrar_keeps(virtually: Virtually) -> None:
    """To how many contacts a call forks, and which of them are dead."""
    _check_policies(SCRIPTED, virtually, lacks=())


@needs_kamailio
@pytest.mark.cells(KAMAILIO)
def test_what_kamailio_keeps(virtually: Virtually) -> None:
    """The same, but for what it cannot do."""
    _check_policies(KAMAILIO, virtually, lacks=NOT_IN_KAMAILIO)


def _check_gone(cells: Cells, virtually: Virtually) -> dict[str, dict[str, Any]]:
    seen = virtually(cells)
    said = {name: _branches(cell)[0] for name, cell in seen.cells.items() if cell["probes"]}
    assert [len(said[name]) for name in ("fails", "waits", "waits-too-short")] == [1, 2, 1]
    assert said["fails"][0].endswith("its connection was gone")
    assert said["waits-too-short"][0].endswith("its connection was gone")
    assert said["waits"][0].endswith("its connection was gone, and the client registered anew")
    assert "rang, answered 200 at 31.0 s" in said["waits"][1]
    (sent,) = (one for one in seen.lines("waits", "server", "probe") if one["state"] == "sent")
    assert sent["t"] == pytest.approx(30.0, abs=0.5)
    (failed,) = (one for one in seen.lines("waits-too-short", "server", "probe") if one["state"] == "failed")
    assert failed["t"] == pytest.approx(26.0, abs=0.5)
    assert all(seen.cells[name]["claim"]["holds"] for name in said), seen.said
    return seen.cells


@pytest.mark.cells(OF_SCRIPTED)
def test_a_contact_whose_connection_is_gone(virtually: Virtually) -> None:
    """Nothing is sent, or the Contact is connected to in vain, or the call comes when the phone does."""
    cells = _check_gone(OF_SCRIPTED, virtually)
    assert _branches(cells["connects"])[0][0].endswith("Network is unreachable")
    first, *_ = virtually(OF_SCRIPTED).lines("connects", "server", "probe")
    assert (first["state"], first["flow"]) == ("connecting", "f1")
    assert first["t"] == pytest.approx(22.0, abs=0.1)


@needs_kamailio
@pytest.mark.cells(OF_KAMAILIO)
def test_a_contact_whose_connection_is_gone_with_kamailio(virtually: Virtually) -> None:
    """The same; that it cannot connect to a Contact by flow is said."""
    cells = _check_gone(OF_KAMAILIO, virtually)
    assert cells["connects"]["verdict"] == "unsupported"
    assert "would connect there" in cells["connects"]["doubt"]


@needs_kamailio
@pytest.mark.cells(FIELD_REPORT)
def test_both_servers_fork_alike(virtually: Virtually) -> None:
    """In the field report each policy has the same contacts, and the call rings at once or never."""
    seen = virtually(FIELD_REPORT)
    assert seen.status == 0, seen.said
    for name in ("adds", "replaces", "takes-2"):
        own, other = seen.cells[name], seen.cells[f"kamailio-{name}"]
        counts = [[len(said) for said in _branches(cell)] for cell in (own, other)]
        assert counts[0] == counts[1] == [1, {"adds": 5, "replaces": 1, "takes-2": 2}[name]]
        for cell in (name, f"kamailio-{name}"):
            steps = {one["state"]: one["t"] for one in seen.lines(cell, "server", "probe") if one["probe"] == "p2"}
            rings = steps.get("ringing", 1e9) - steps["sent"]
            assert (rings < 0.5) == (name != "takes-2")
