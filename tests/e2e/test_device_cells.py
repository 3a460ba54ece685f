"""What a phone's system does to its app, in virtual time: to pjsip, and to a client of the author's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

DEVICES = Cells(
    """\
title: Devices, and two clients
topology: home-nat
middlebox: never-forgets
transport: tcp
radio: umts
matrix:
  client:
    - { name: pjsip, account: register }
    - { name: mine, account: register, command: [python3, client.py] }
  device:
    - { name: suspended, schedule: [client-suspend: { at: 10 s, lasts: 30 s }] }
    - { name: killed, schedule: [client-suspend: { at: 5 s }, client-kill: { at: 10 s, again: 35 s }] }
    - { name: reclaimed, schedule: [client-suspend: { at: 5 s, lasts: 40 s }, sockets-reclaimed: { at: 10 s }] }
    - { name: paged, schedule: [device-sleep: { at: 5 s, awake: 5 s }] }
    - { name: radio-off, schedule: [device-sleep: { at: 10 s, lasts: 30 s, radio-off: true }] }
probes: [{ at: 30 s, kind: options }, { at: 60 s, kind: options }]
ends: 70 s
claims:
  - { device: suspended, verdict: fail, cause: client-suspended, at: 10 s }
  - { device: killed, verdict: fail, cause: client-killed, at: 10 s }
  - { device: reclaimed, verdict: fail, cause: sockets-reclaimed, at: 10 s }
  - { device: paged, verdict: pass }
  - { device: radio-off, verdict: fail, cause: device-slept, at: 10 s }
""",
    name="devices",
    beside=(ROOT / "docs" / "examples" / "client.py",),
)
CLIENTS = ("pjsip", "mine")

pytestmark = [pytest.mark.e2e, pytest.mark.cells(DEVICES)]


def events(folder: Path, *kinds: str) -> list[dict[str, Any]]:
    """The events of some kinds in a cell's record."""
    told = map(json.loads, (folder / "record.jsonl").read_text("utf-8").splitlines())
    return [event for event in told if event["ev"] in kinds]


def from_client(folder: Path, since: float, until: float) -> list[dict[str, Any]]:
    """The packets of the client's flow that its node sent in a time; the sentinel's have another port."""
    packets = events(folder, "packet")
    return [one for one in packets if one["from"] == "client" and since < one["t"] < until and "5099" not in one["dst"]]


def test_each_cause(virtually: Virtually) -> None:
    """Whatever the client is."""
    seen = virtually(DEVICES)
    assert seen.status == 0, seen.said


@pytest.mark.parametrize("client", CLIENTS)
def test_a_suspended_client_is_silent_and_its_kernel_is_not(virtually: Virtually, client: str) -> None:
    """Not a byte of its own, and the acknowledgement of the request that it does not read."""
    sent = from_client(virtually(DEVICES).folder(f"{client},suspended"), 10.0, 40.0)
    assert [one for one in sent if one["payload"]] == []
    assert [one for one in sent if one["flags"] == "A"]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_killed_client_registers_anew(virtually: Virtually, client: str) -> None:
    """Between its lives nothing comes from it but the end of its connection; it begins after the start-up."""
    folder = virtually(DEVICES).folder(f"{client},killed")
    assert [one for one in from_client(folder, 10.0, 49.9) if one["payload"]] == []
    lives = [event["t"] for event in events(folder, "registered")]
    assert lives == [0.0, pytest.approx(50.0, abs=0.2)]
    (killed, started) = [event for event in events(folder, "client-process") if event["state"] in ("killed", "started")]
    assert (killed["t"], started["t"]) == (pytest.approx(10.0, abs=0.1), pytest.approx(50.0, abs=0.1))


def test_what_the_suspended_client_is_told(virtually: Virtually) -> None:
    """Its next call fails with the system's error, when it goes on."""
    folder = virtually(DEVICES).folder("pjsip,reclaimed")
    ended = [event for event in events(folder, "transport") if event["state"] == "disconnected"]
    assert [event["t"] for event in ended] == [pytest.approx(45.0, abs=0.2)]
    assert "Software caused connection abort" in ended[0]["reason"]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_first_packet_is_late(virtually: Virtually, client: str) -> None:
    """By the page and the promotion of the scenario's network; the following ones are not."""
    folder = virtually(DEVICES).folder(f"{client},paged")
    states = [(event["state"], round(event["t"], 1)) for event in events(folder, "client-radio")]
    paged = next(t for state, t in states if state == "paged")
    assert paged == pytest.approx(30.0, abs=0.1)
    down = [
        one for one in events(folder, "packet") if one["link"] == "lan" and one["payload"] and one["from"] != "client"
    ]
    first = next(one["t"] for one in down if one["t"] > 29.0)
    assert first == pytest.approx(paged + 2.64, abs=0.15)
