"""A SIP ALG before a real pjsip, in virtual time: the scenario's claims, and what client and server each saw."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

ALG = Cells(ROOT / "scenarios" / "field" / "sip-alg.yaml")
CLIENT, NAT = "10.0.0.2", "198.51.100.2"

pytestmark = [pytest.mark.e2e, pytest.mark.cells(ALG)]

Record = list[dict[str, Any]]


@pytest.fixture(scope="module")
def records(virtually: Virtually) -> dict[str, Record]:
    """The records of all cells, by name; all claims hold."""
    seen = virtually(ALG)
    assert seen.status == 0, seen.said
    assert [name for name, cell in seen.cells.items() if not cell["claim"]["holds"]] == []
    return {name: seen.record(name) for name in seen.cells}


def _hosts(record: Record, who: str, ev: str, method: str) -> list[tuple[str, str]]:
    """The hosts in Via and Contact, of each request of a method."""
    lines = [line for line in record if (line["who"], line["ev"], line.get("method")) == (who, ev, method)]
    return [(line["via"].partition(":")[0], line["contact"].partition(":")[0]) for line in lines]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("box", ["without-alg", "with-alg"])
def test_what_the_client_sends_and_the_server_gets(records: dict[str, Record], transport: str, box: str) -> None:
    """The first REGISTER always leaves with the inside address, and arrives with it unless an ALG can read it."""
    record = records[f"{transport},{box},register-300s"]
    sent, came = (_hosts(record, *of, "REGISTER") for of in (("client", "request-sent"), ("server", "request")))
    rewritten = box == "with-alg" and transport != "tls"
    assert sent[0] == (CLIENT, CLIENT)
    assert came[0] == ((NAT, NAT) if rewritten else (CLIENT, CLIENT))


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
@pytest.mark.parametrize("box", ["without-alg", "with-alg"])
def test_pjsip_learns_its_address_only_without_an_alg(records: dict[str, Record], transport: str, box: str) -> None:
    """From the answer to REGISTER pjsip learns the outside address and registers again, unless the ALG hides it."""
    record = records[f"{transport},{box},register-300s"]
    sent = [contact for _, contact in _hosts(record, "client", "request-sent", "REGISTER")]
    hidden = box == "with-alg" and transport != "tls"
    assert sent[:2] == ([CLIENT] if hidden else [CLIENT, NAT])
