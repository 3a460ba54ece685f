"""A client of the scenario's author: the example works, and none that is wrong gets a verdict it does not deserve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "docs" / "examples" / "own-client.yaml"
ODD = Path(__file__).parent / "clients" / "odd.py"

FAULTS = {
    "says-nothing": ("inconclusive", "it never said `ready`"),
    "never-subscribes": ("inconclusive", "it said `ready`, never `subscribed`"),
    "lies": ("inconclusive", "the server knows of no subscription"),
    "prints": ("inconclusive", "broke the actor protocol: not JSON; standard output is for the protocol alone"),
    "wall-clock": ("inconclusive", "`at` is not a moment of CLOCK_MONOTONIC"),
    "dies-at-once": ("inconclusive", "its process ended by exit status 2"),
    "dies": ("fail", "client process ended by exit status 3 at 10.0 s: I have had enough"),
    "closes": ("fail", "client closed the connection at 10.0 s, as link lan shows; it does not say why"),
    "forges": ("fail", "the record does not show why"),
}
"""What a client does wrong, the verdict it gets, and what is said of it."""

SCENARIO = """\
title: A client that is not the lab's
topology: home-nat
transport: tcp
middlebox: never-forgets
strategy: {strategy}
client: {{ command: [python3, '{program}', {fault}], environment: {{ NOTHING: much }} }}
probes: [{{ at: 40 s }}]
ends: 50 s
"""

EXAMPLE_CELLS = Cells(EXAMPLE)
OFFERS = Cells(
    SCENARIO.format(strategy="options-ping-25s", program=ODD, fault="offers") + "claims: [{ verdict: pass }]\n",
    name="offers",
)
ODD_CELLS = {
    fault: Cells(SCENARIO.format(strategy="none", program="odd.py", fault=fault), name=fault, beside=(ODD,))
    for fault in FAULTS
}
"""One cell for each fault; scenario and client lie in a folder that a guest's own /tmp would cover."""


@pytest.mark.cells(EXAMPLE_CELLS)
def test_example(virtually: Virtually) -> None:
    """The documented client runs where the documentation says, in virtual time, and every claim holds."""
    seen = virtually(EXAMPLE_CELLS)
    assert seen.status == 0, seen.said
    (unsupported,) = (cell for cell in seen.cells.values() if cell["verdict"] == "unsupported")
    assert unsupported["doubt"] == "the scenario's client does not offer options-ping"


@pytest.mark.cells(OFFERS)
def test_mitigation_that_the_client_offers(virtually: Virtually) -> None:
    """A client that offers a mitigation is asked for it, by the name it has in scenarios, and its cell is run."""
    seen = virtually(OFFERS)
    assert seen.status == 0, seen.said
    (name,) = seen.cells
    (asked,) = (line for line in seen.record(name) if line["ev"] == "other")
    assert (asked["who"], asked["said"]) == ("client", "asked")
    assert json.loads(asked["fields"]) == {"of": [{"kind": "options-ping", "interval": 25.0}]}


@pytest.mark.parametrize(
    "fault", [pytest.param(fault, marks=pytest.mark.cells(cells)) for fault, cells in ODD_CELLS.items()]
)
def test_odd_client(virtually: Virtually, fault: str) -> None:
    """It is told what it did; what it did not show is not made up."""
    verdict, text = FAULTS[fault]
    seen = virtually(ODD_CELLS[fault])
    assert seen.status in (0, 1), seen.said
    cell: dict[str, Any]
    (cell,) = seen.cells.values()
    assert cell["verdict"] == verdict
    assert text in (cell["doubt"] or cell["cause"]["text"])
