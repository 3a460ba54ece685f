"""A name server that fails, before a real pjsip, in virtual time: the scenario's claims, and what shows them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

DNS = Cells(ROOT / "scenarios" / "field" / "dns-failure.yaml")

pytestmark = [pytest.mark.e2e, pytest.mark.cells(DNS)]


def test_dns_failure(virtually: Virtually) -> None:
    """All claims hold; the cause stands on a question in vain, and who learns a SERVFAIL does not ask for a minute."""
    seen = virtually(DNS)
    assert seen.status == 0, seen.said
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())

    def asked(name: str) -> list[Any]:
        """The client's questions once it has fallen silent; its middlebox shows them as the others'."""
        lines = [line for line in seen.lines(name, "server", "query") if line["t"] > 0]
        return [line for line in lines if line["peer"].startswith("198.51.100.2:")]

    for how in ("silent", "servfail"):
        struck = f"reconnect,{how}-closed"
        fault, question = (seen.record(struck)[number - 1] for number in seen.cells[struck]["cause"]["evidence"])
        assert (fault["fault"], fault["proof"]["met"]) == ("DnsFailure", how)
        assert (question["ev"], question["answer"]) == ("query", how)
        assert question == asked(struck)[0]

    answers = {
        how: [(line["t"], line["answer"]) for line in asked(f"reconnect,{how}-mended")]
        for how in ("silent", "servfail")
    }
    assert [answer for at, answer in answers["silent"] if at < 40] == ["silent"] * 5
    assert {answer for at, answer in answers["silent"] if at > 40} == {"203.0.113.10"}
    (first, failed), (second, told), *_ = answers["servfail"]
    assert (failed, told) == ("servfail", "203.0.113.10")
    assert second - first > 60
    assert asked("hold-transport,silent") == []
