"""What ``lab run`` finds out with twins: luck, causes, costs, seeds, and the share of the time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.model.twin import TwinPlan
from tests.e2e.lab_command import run
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

COMMON = """\
topology: home-nat
transport: udp
client: { account: register-and-subscribe }
middlebox: { name: forgets-after-6s, base: silent-60s, udp-mapping-timer: 6 s }
strategy: none
"""
ONE = COMMON + "probes: [{ at: 30 s, kind: options }]\nends: 40 s\n"
LUCK = Cells("title: By luck\n" + ONE, "luck", twins=TwinPlan(moments=1))
TOLERATED = Cells("title: Tolerated\nexpect: { outage: 20 s }\n" + ONE, "tolerated", twins=TwinPlan(moments=1))
APART = Cells(
    "title: Apart\n"
    + COMMON
    + "probes: { every: 2 s, from: 16 s, until: 44 s, kind: options, apart: true }\nends: 60 s\n"
    + "expect: { reachable: 90 % }\n",
    "apart",
)
MUTE = Cells(
    """\
title: The cause is what makes the difference
topology: home-nat
client: { account: subscribe }
middlebox: never-forgets
strategy: none
faults: [server-mute: { at: 2 s before the refresh, lasts: 10 s }]
probes: [{ at: 615 s }]
ends: 640 s
""",
    "mute",
    twins=TwinPlan(causes=True),
)
SILENT = Cells(
    """\
title: What it costs
topology: home-nat
client: { account: subscribe }
middlebox: never-forgets
matrix: { strategy: [none, hold-transport] }
probes: [{ at: 60 s }]
ends: 70 s
costs-over: 30 min
""",
    "costs",
    twins=TwinPlan(costs=True),
)
SEEDS = Cells("title: Seeds\n" + ONE, "seeds", twins=TwinPlan(seeds=2))


@pytest.mark.cells(LUCK)
def test_no_pass_by_luck(virtually: Virtually) -> None:
    """The probe at 30 s is answered; the client is out of reach from 6 s after each keep-alive to the next one."""
    cell = virtually(LUCK).cells["none"]
    assert [probe["answered"] for probe in cell["probes"]] == [True]
    assert (cell["verdict"], cell["cause"]["kind"]) == ("fail", "middlebox-forgot-flow")
    (tried,) = cell["tried"]
    assert tried["reached"] is False
    assert 4 < tried["gap_s"] < 10  # pjsip sends CRLF every 12 s to 15 s


@pytest.mark.cells(TOLERATED)
def test_a_tolerated_outage(virtually: Virtually) -> None:
    """It is told, and the cell passes."""
    cell = virtually(TOLERATED).cells["none"]
    assert cell["verdict"] == "pass"
    assert 4 < cell["tried"][0]["gap_s"] < 10


@pytest.mark.cells(APART)
def test_the_share_of_the_time(virtually: Virtually) -> None:
    """Probes that are each in a cell of their own show how often the client is out of reach, and for how long."""
    cell = virtually(APART).cells["none"]
    assert cell["verdict"] == "fail"
    assert cell["reachability"]["looks"] == 15
    assert 0.4 < cell["reachability"]["share"] < 0.9
    assert 4 <= cell["reachability"]["longest_gap_s"] <= 12


@pytest.mark.cells(MUTE)
def test_the_cause_is_what_makes_the_difference(virtually: Virtually) -> None:
    """The idle timer had closed the connection at 33 s; the refresh would have made another one."""
    cell = virtually(MUTE).cells["none"]
    assert (cell["verdict"], cell["cause"]["kind"]) == ("fail", "server-mute")
    assert cell["left_out"].startswith("tried: without it the probe arrives")
    assert "client idle timer closed the transport at 33.0 s" in cell["left_out"]


@pytest.mark.cells(SILENT)
def test_costs_are_measured(virtually: Virtually) -> None:
    """A reference costs what pjsip sends by itself, CRLF every 90 s; without it the client is soon out of reach."""
    cells = virtually(SILENT).cells
    held, none = cells["hold-transport"]["metrics"], cells["none"]["metrics"]
    assert held["measured"]
    assert none["measured"]
    assert held["observed_s"] == none["observed_s"] == 1799.0
    assert (held["lost"], none["lost"]["packets"]) == (None, 0)
    assert none["lost"]["at_s"] == pytest.approx(33.0, abs=0.2)
    assert held["radio_wakeups_per_hour"] == pytest.approx(40, abs=8)  # and the refreshes of its subscription


@pytest.mark.cells(SEEDS)
def test_a_finding_survives_the_seed(virtually: Virtually) -> None:
    """Both seeds are told."""
    cell = virtually(SEEDS).cells["none"]
    assert [(one["seed"], one["verdict"]) for one in cell["seeds"]] == [(1, "pass"), (2, "pass")]


@pytest.mark.virtual
def test_as_a_user_runs_it(tmp_path: Path) -> None:
    """One moment by default, costs measured; the reports and ``lab why`` tell of it, also when they are made anew."""
    file = tmp_path / "luck.yaml"
    file.write_text("title: By luck\n" + ONE)
    done = run("run", file, "--out", tmp_path / "runs", home=tmp_path, twins=True)
    assert "out of reach for" in done.stdout
    assert "~" not in done.stdout.split("claim")[1].splitlines()[2]
    latest = tmp_path / "runs" / "latest"
    first = (latest / "report.json").read_text()
    assert json.loads(first)["cells"][0]["tried"][0]["folder"].startswith("twins/none,at-")
    told = run("why", "--run", latest, home=tmp_path).stdout
    assert "probed again at" in told
    assert "twins/none,at-" in told.splitlines()[-1]
    run("report", "--run", latest, home=tmp_path)
    assert (latest / "report.json").read_text() == first
