"""Faults that strike while a call rings, in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.e2e.together import Cells, Virtually

SCENARIO = """\
title: Faults while the INVITE is pending
topology: home-nat
middlebox: never-forgets
transport: tcp
matrix:
  failure:
    - { name: nothing }
    - { name: lost, faults: [black-hole: { at: while the INVITE is pending, node: internet }] }
    - { name: later, faults: [black-hole: { at: 1 s after ringing, node: internet, lasts: 1 s }] }
    - { name: never, faults: [black-hole: { at: 5 s, node: internet }, server-mute: { at: 1 s after ringing }] }
probes: [{ at: 8 s, kind: invite, ring: 3 s, hold: 2 s }]
ends: 26 s
"""

RINGING = Cells(SCENARIO, name="ringing")

pytestmark = [pytest.mark.e2e, pytest.mark.cells(RINGING)]

Record = list[dict[str, Any]]


@pytest.fixture(scope="module")
def cells(virtually: Virtually) -> dict[str, tuple[dict[str, Any], Record]]:
    """Each cell's report and record."""
    seen = virtually(RINGING)
    assert seen.status in (0, 1), seen.said  # 1: inconclusive
    return {name: (cell, seen.record(name)) for name, cell in seen.cells.items()}


def _times(record: Record, **fields: Any) -> list[float]:
    return [line["t"] for line in record if fields.items() <= line.items()]


def test_a_call_rings_before_it_is_accepted(cells: dict[str, tuple[dict[str, Any], Record]]) -> None:
    """180 at once, 200 three seconds later, and then all as without ringing."""
    cell, record = cells["nothing"]
    assert cell["verdict"] == "pass"
    (rings,) = _times(record, who="server", ev="probe", state="ringing")
    (talks,) = _times(record, who="server", ev="probe", state="talking")
    assert rings == pytest.approx(8.0, abs=0.2)
    assert talks - rings == pytest.approx(3.0, abs=0.2)


def test_while_the_invite_is_pending(cells: dict[str, tuple[dict[str, Any], Record]]) -> None:
    """The fault comes after the 180, and the 200 is lost: the client accepts, and nobody hears it."""
    cell, record = cells["lost"]
    assert (cell["verdict"], cell["cause"]["kind"]) == ("fail", "flow-black-holed")
    (rings,) = _times(record, who="server", ev="probe", state="ringing")
    (strikes,) = _times(record, who="runner", ev="fault")
    (accepts,) = _times(record, who="client", ev="call", state="connecting")
    assert rings <= strikes + 0.05
    assert strikes < accepts
    assert _times(record, who="server", ev="probe", state="talking") == []


def test_a_moment_counted_from_the_ringing(cells: dict[str, tuple[dict[str, Any], Record]]) -> None:
    """A second of loss within the ringing costs nothing; where nothing rings, the moment never comes.

    Nothing rings because the call is lost already, so that this fault cannot change the outcome.
    """
    cell, record = cells["later"]
    assert (cell["verdict"], cell["doubt"]) == ("pass", "")
    (rings,) = _times(record, who="server", ev="probe", state="ringing")
    (strikes,) = _times(record, who="runner", ev="fault")
    assert strikes - rings == pytest.approx(1.0, abs=0.2)
    cell, record = cells["never"]
    assert (cell["verdict"], cell["cause"]["kind"], cell["cause"]["at_s"]) == (
        "fail",
        "flow-black-holed",
        pytest.approx(5.0, abs=0.1),
    )
    assert [line["n"] for line in record if line["ev"] == "fault"] == [0]
