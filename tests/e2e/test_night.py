"""A phone at night: eight hours with the schedule of a device, in virtual time."""

from __future__ import annotations

import re
from typing import Any

import pytest

from lab.fidelity.comparable_events import differences, moments
from lab.record import reader
from lab.record.writer import FILE_NAME
from lab.runner import cell_file
from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Seen, Virtually

pytestmark = pytest.mark.e2e

FILE = ROOT / "scenarios" / "mobile" / "night.yaml"
RINGS, LATE = "push-then-register,android-doze", "push-normal-priority,android-doze"
SLEEPS = "push-then-register,ios-suspended"
NIGHT = Cells(
    FILE,
    only=(
        "strategy=push-then-register",
        "strategy=push-normal-priority",
        "device=android-doze",
        "device=ios-suspended",
    ),
)
AGAIN = Cells(
    re.sub(r"^claims:\n(?:  .*\n)+", "", FILE.read_text(encoding="utf-8"), flags=re.MULTILINE),
    name="the-same-night",
    only=("strategy=push-then-register", "device=android-doze"),
)
ENDS_S = 28800.0


def device(seen: Seen, name: str) -> dict[str, Any]:
    found: dict[str, Any] = seen.cells[name]["metrics"]["device"]
    return found


@pytest.mark.cells(NIGHT)
def test_what_rings_how_late_at_how_many_wakeups(virtually: Virtually) -> None:
    """A push of high priority opens Doze and rings within two seconds; of normal priority it never rings in time."""
    seen = virtually(NIGHT)
    assert seen.status == 0, seen.said
    rings, late, sleeps = (device(seen, name) for name in (RINGS, LATE, SLEEPS))
    assert (rings["calls"], rings["missed"], rings["pushes"]) == (4, 0, 4)
    assert 0 < rings["ringing_p50_s"] <= rings["ringing_worst_s"] < 2
    assert (late["missed"], late["ringing_worst_s"]) == (4, None)
    # windows of the schedule: four of light Doze, its end, two of deep Doze; and each push is a wake-up of the app,
    # but the second call's, during which the window opens
    assert late["app_wakeups_per_hour"] == pytest.approx(7 / 8, abs=0.01)
    assert rings["app_wakeups_per_hour"] - late["app_wakeups_per_hour"] == pytest.approx(3 / 8, abs=0.01)
    assert sleeps["app_wakeups_per_hour"] == pytest.approx(4 / 8, abs=0.01)
    assert max(each["radio_wakeups_per_hour"] for each in (rings, late, sleeps)) < 4


@pytest.mark.cells(NIGHT, AGAIN)
def test_the_same_seed_is_the_same_night(virtually: Virtually) -> None:
    """Every event comes, up to the 100 ms that Linux may be late each time, and every figure is the same."""
    first, second = virtually(NIGHT), virtually(AGAIN)
    figures = [dict(device(seen, RINGS)) for seen in (first, second)]
    rang = [figure.pop("ringing_s") for figure in figures]
    assert rang[0] == pytest.approx(rang[1], abs=0.01)
    assert figures[0] == pytest.approx(figures[1], abs=0.01)

    def events(seen: Seen) -> list[Any]:
        folder = seen.folder(RINGS)
        return moments(reader.read(folder / FILE_NAME, cell_file.read(folder)))

    assert events(first)
    assert differences(events(first), events(second), within=0.25, ends=ENDS_S) == []


LEFT = Cells(
    """\
title: A phone that data wakes has left its network, and nobody has told the server
topology: wifi-and-cellular
middlebox: { home-nat: never-forgets, carrier: never-forgets }
transport: udp
client: { account: register }
strategy: udp-silent
faults:
  - client-suspend: { at: 10 s, awake: 5 s }
  - client-move: { at: 60 s }
probes:
  - { at: 30 s, kind: invite, hold: 1 s }
  - { at: 90 s, kind: invite, hold: 1 s }
ends: 110 s
claims: [{ verdict: fail, cause: client-changed-address, at: 60 s }]
""",
    name="left-asleep",
)


@pytest.mark.cells(LEFT)
def test_what_comes_for_an_address_that_is_gone_wakes_nobody(virtually: Virtually) -> None:
    """The first call wakes the phone; the second goes to the network that it has left."""
    seen = virtually(LEFT)
    assert seen.status == 0, seen.said
    (name,) = seen.cells
    woken = [line["t"] for line in seen.lines(name, "client", "client-process") if line["state"] == "resumed"]
    assert [t for t in woken if t < 109] == [pytest.approx(30, abs=0.5)]
