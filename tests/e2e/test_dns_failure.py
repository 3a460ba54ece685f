"""A name server that fails, before a real pjsip, in virtual time: the scenario's claims, and what shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = ROOT / "scenarios" / "field" / "dns-failure.yaml"


def test_dns_failure(tmp_path: Path) -> None:
    """All claims hold; the cause stands on a question in vain, and who learns a SERVFAIL does not ask for a minute."""
    if kernel.find() is None:
        kernel.build()
    done = run("run", SCENARIO, "--clock", "virtual", "--out", tmp_path / "runs", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert all(cell["claim"]["holds"] for cell in cells.values())

    def record(name: str) -> list[Any]:
        path = tmp_path / "runs" / "latest" / cells[name]["folder"] / "record.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]

    def asked(name: str) -> list[Any]:
        """The client's questions once it has fallen silent; its middlebox shows them as the others'."""
        lines = [line for line in record(name) if (line["who"], line["ev"]) == ("server", "query") and line["t"] > 0]
        return [line for line in lines if line["peer"].startswith("198.51.100.2:")]

    for how in ("silent", "servfail"):
        struck = f"reconnect,{how}-closed"
        fault, question = (record(struck)[number - 1] for number in cells[struck]["cause"]["evidence"])
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
