"""The reachability curve: its grid, its twin cells, and what is made of their outcomes."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from rich.console import Console

from lab.curve import chart as curve
from lab.engine.twins.cells import probed_at
from lab.faults.base import Fault
from lab.faults.black_hole import BlackHole
from lab.faults.server_close import ServerClose
from lab.judge.reachability import OutageWindow, Reach, ReachabilitySample, sample, windows
from lab.loader.unsupported import examined
from lab.model.outcome import Cause
from lab.model.scenario import Cell, Claim, Probe, ProbeKind, Scenario
from lab.model.verdict import CLIENT_IDLE_TIMER, UNKNOWN, Verdict
from lab.model.when import Event, When
from lab.units import Seconds, moments_between
from tests.records import END, cell, flow_set_up, idle_timer, judged, probe, sentinel


@pytest.mark.parametrize(
    ("grid", "found"),
    [
        ((10, 40, 10), [10, 20, 30, 40]),
        ((10, 45, 10), [10, 20, 30, 40]),
        ((0.1, 0.3, 0.1), [0.1, 0.2, 0.3]),  # floating point loses none
        ((50, 50, 10), [50]),
        ((50, 40, 10), []),
    ],
)
def test_grid(grid: tuple[float, float, float], found: list[float]) -> None:
    """Both ends belong to it."""
    assert moments_between(*grid) == found


def a_cell(*faults: Fault, probes: tuple[Probe, ...] = (Probe(at=Seconds(45)),), timeout: float | None = None) -> Cell:
    claim = Claim(verdict=Verdict.FAIL)
    return replace(cell(timeout=timeout, claim=claim), probes=probes, faults=faults)


def test_twin_is_the_cell_but_for_its_probe() -> None:
    """One probe like the first, at the moment; no claim; everything else as it was."""
    options = Probe(at=Seconds(45), kind_=ProbeKind.OPTIONS, within=Seconds(2))
    original = examined(a_cell(probes=(options, Probe(at=Seconds(100)))))
    other = probed_at(original, 70.5)
    assert other.probes == (replace(options, at=Seconds(70.5)),)
    assert (other.name, other.axes) == ("none,at-70.5s", (("strategy", "none"), ("at", "70.5s")))
    changed = {field.name for field in fields(Cell) if getattr(other, field.name) != getattr(original, field.name)}
    assert changed == {"name", "axes", "probes", "claim"}
    assert float(probed_at(original, 200).ends) == 202  # lasts as long as its probe needs


def test_twin_has_no_faults_from_its_future() -> None:
    """A fault that begins after the probe's fate is known has nothing to prove; one of unknown time stays."""
    early, late = ServerClose(at=When(offset=49)), ServerClose(at=When(offset=51))
    event = BlackHole(at=When(offset=1, event=Event.RECONNECTED), node="home-nat")
    assert probed_at(a_cell(early, late, event), 45).faults == (early, event)
    assert probed_at(a_cell(early, late, event), 46).faults == (early, late, event)


@pytest.mark.parametrize(("timeout", "at", "ends"), [(105, 30, 113), (200, 30, 110), (140, 133, 138), (140, 136, 148)])
def test_twin_does_not_end_while_the_middlebox_forgets(timeout: float, at: float, ends: float) -> None:
    """The challenge near the end would meet a mapping of which nobody knows whether it is still there."""
    assert float(probed_at(a_cell(timeout=timeout), at).ends) == ends


IDLE = Cause(kind=CLIENT_IDLE_TIMER, at_s=33.0, text="client idle timer closed the transport at 33.0 s")


def looks(marks: str) -> list[ReachabilitySample]:
    """``█░?`` at 10 s, 20 s, 30 s."""
    reach = {mark: reach for reach, mark in curve.MARKS.items()}
    return [
        ReachabilitySample(
            at_s=10.0 * place,
            reach=reach[mark],
            cause=IDLE if reach[mark] is Reach.UNREACHABLE else None,
            doubt="who knows" if reach[mark] is Reach.UNKNOWN else "",
        )
        for place, mark in enumerate(marks, start=1)
    ]


@pytest.mark.parametrize(
    ("marks", "found"),
    [
        ("███", []),
        ("█░░█", [(10, 20, 30, 40)]),
        ("░█░", [(None, 10, 10, 20), (20, 30, 30, None)]),
        ("█?░?░?█", [(10, 30, 50, 70)]),  # a look that knows nothing neither begins nor ends an outage
        ("█??█", []),
        ("???", []),
    ],
)
def test_windows(marks: str, found: list[tuple[float | None, float, float, float | None]]) -> None:
    """Each lies between the looks that found the client."""
    expected = [
        OutageWindow(after_s=after, from_s=begin, to_s=to, before_s=before, cause=IDLE)
        for after, begin, to, before in found
    ]
    assert list(windows(looks(marks))) == expected


def test_an_outage_has_the_first_cause_that_is_known() -> None:
    """A look at the very edge may not show why; the others do."""
    nothing = Cause(kind=UNKNOWN, at_s=None, text="the record does not show why")
    edge, *others = looks("░░█")
    (window,) = windows([replace(edge, cause=nothing), *others])
    assert window.cause == IDLE
    (window,) = windows([replace(edge, cause=nothing)])
    assert window.cause == nothing


def test_look_is_the_outcome_of_a_twin() -> None:
    """Pass, fail and doubt, each with what goes with it."""
    good = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=True), END)
    bad = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=False), idle_timer(), END)
    doubtful = judged(cell(), *flow_set_up(), *probe(1, 100, answered=True), END)
    seen = [sample(5.0, outcome) for outcome in (good, bad, doubtful)]
    assert [each.reach for each in seen] == [Reach.REACHABLE, Reach.UNREACHABLE, Reach.UNKNOWN]
    assert [each.cause is not None for each in seen] == [False, True, False]
    assert [bool(each.doubt) for each in seen] == [False, False, True]


def printed(*marks: str) -> list[str]:
    scenario = Scenario(name="s", file="s.yaml", text="", title="A title", why="", source="", cells=())
    console = Console(width=120, highlight=False, color_system=None)
    with console.capture() as captured:
        curve.show(console, scenario, [(cell(), looks(each)) for each in marks], every_s=10)
    return captured.get().splitlines()[2:]


def test_strip() -> None:
    """A mark for each moment, the outages to the grid's accuracy, every doubt once."""
    assert printed("█░░█?░", "░██???") == [
        "none      10 s █░░█?░",
        "    lost between 10 s and 20 s, back between 30 s and 40 s: client idle timer closed the transport at 33.0 s",
        "    lost between 40 s and 60 s, not back: client idle timer closed the transport at 33.0 s",
        "    inconclusive: who knows",
        "none      10 s ░██???",
        "    lost by 10 s, back between 10 s and 20 s: client idle timer closed the transport at 33.0 s",
        "    inconclusive: who knows",
        "",
    ]


def test_long_strip_is_folded() -> None:
    """Each line says where it begins."""
    assert printed("█" * 100) == ["none      10 s " + "█" * 60, "         610 s " + "█" * 40, ""]
