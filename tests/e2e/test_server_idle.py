"""A server that ends idle connections: what pjsip does then, with both servers, in virtual time."""

from __future__ import annotations

import pytest

from lab.servers.kamailio import child
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

FIELD = ROOT / "scenarios" / "field"

IDLE = """\
title: A server with an idle timeout, and one without
topology: home-nat
middlebox: never-forgets
client: { account: register-and-subscribe }
matrix:
  transport: [udp, tcp, tls]
  server:
    - { name: never }
    - { name: fin, idle-timeout: { after: 30 s } }
    - { name: rst, idle-timeout: { after: 30 s, ends-with: rst } }
probes: [{ at: 60 s }]
ends: 66 s
"""

ENDS = Cells(IDLE, name="idle-ends")
AGAIN = Cells(FIELD / "opensips-1861.yaml", only=("strategy=none",))
CALLS = Cells(FIELD / "kamailio-4138.yaml", only=("strategy=none", "server=lifetime-20s"))

NEEDS_KAMAILIO = pytest.mark.skipif(
    child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"
)
WITH_KAMAILIO = (
    Cells(FIELD / "kamailio-4138.yaml", server="kamailio"),
    *(
        Cells(FIELD / "opensips-1861.yaml", only=("server=crlf-counts", f"strategy={strategy}"), server="kamailio")
        for strategy in ("none", "tcp-keepalive-25s", "crlf-25s", "options-ping-25s", "refresh-25s", "reconnect")
    ),
)


@pytest.mark.cells(ENDS)
def test_how_it_ends(virtually: Virtually) -> None:
    """By FIN or RST, as the client sees, and it is the cause; the same silence costs nothing without the timeout."""
    cells, reasons = virtually(ENDS).cells, {}
    for transport in ("tcp", "tls"):
        assert cells[f"{transport},never"]["verdict"] == "pass"
        for how in ("fin", "rst"):
            name = f"{transport},{how}"
            assert cells[name]["verdict"] == "fail"
            cause = cells[name]["cause"]
            assert (cause["kind"], round(cause["at_s"])) == ("server-idle-timeout", 30)
            ends = [
                line for line in virtually(ENDS).lines(name, "client", "transport") if line["state"] == "disconnected"
            ]
            reasons[transport, how] = ends[0]["reason"]
    assert reasons["tcp", "rst"] == reasons["tls", "rst"] == "Connection reset by peer"
    assert reasons["tcp", "fin"] == "End of file (PJ_EEOF)"
    assert "close_notify" in reasons["tls", "fin"]


@pytest.mark.cells(ENDS)
def test_udp_has_no_connection(virtually: Virtually) -> None:
    cells = virtually(ENDS).cells
    assert [cells[f"udp,{name}"]["verdict"] for name in ("never", "fin", "rst")] == [
        "pass",
        "unsupported",
        "unsupported",
    ]


@pytest.mark.cells(AGAIN)
def test_a_registered_client_comes_back(virtually: Virtually) -> None:
    """At once, so that calls reach it; its subscription stays with the connection that is gone."""
    seen = virtually(AGAIN)
    assert seen.status == 0, seen.said
    for name in seen.cells:
        ends = [line["t"] for line in seen.lines(name, "server", "flow") if line["reason"] == "idle-timeout"]
        again = [line["t"] for line in seen.lines(name, "client", "registration") if line["t"] > 0]
        assert again[0] - ends[0] == pytest.approx(0, abs=0.5)
        assert len(again) >= len(ends) >= 2
        assert [line["state"] for line in seen.lines(name, "server", "server-subscription") if line["t"] > 0] == []
        fates = {line["kind"]: line["state"] for line in seen.lines(name, "server", "probe")}
        assert fates == {"invite": "answered", "notify": "failed"}


@pytest.mark.cells(CALLS)
def test_a_call_outlives_the_connection_it_rang_on(virtually: Virtually) -> None:
    """Its 200 comes over another one. A call that is silent for so long is lost with its connection."""
    seen = virtually(CALLS)
    assert seen.status == 0, seen.said
    for name in seen.cells:
        said = seen.lines(name, "server", "probe")
        flows = {line["state"]: line["flow"] for line in said if line["probe"] == "p1"}
        assert set(flows) == {"sent", "ringing", "talking", "ending", "answered"}
        assert flows["ringing"] != flows["talking"] == flows["answered"]
        lost = {line["state"]: line["reason"] for line in said if line["probe"] == "p2"}
        assert lost["failed"] == "flow-gone"
        assert "talking" in lost


@NEEDS_KAMAILIO
@pytest.mark.parametrize(
    "cells",
    [pytest.param(each, marks=pytest.mark.cells(each), id="-".join(each.only) or "calls") for each in WITH_KAMAILIO],
)
def test_the_claims_hold_with_kamailio(cells: Cells, virtually: Virtually) -> None:
    """By its own ``tcp_connection_lifetime``, and the server's event says that it was the idle timeout.

    The binding of the address inside the NAT is removed by the REGISTER that brings the one outside.
    """
    seen = virtually(cells)
    assert seen.status == 0, seen.said
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())
    for name, cell in seen.cells.items():
        assert {line["state"] for line in seen.lines(name, "server", "binding")} >= {"active", "removed"}
        if cell["cause"] is not None:
            reasons = [line["reason"] for line in seen.lines(name, "server", "flow") if line["state"] == "closed"]
            assert reasons[0] == "idle-timeout"
