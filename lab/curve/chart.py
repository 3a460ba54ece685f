"""Formats the reachability curve: marks for each cell on a terminal, and ``curve.json`` (docs/reachability.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from lab import __version__
from lab.judge.reachability import OutageWindow, Reach, ReachabilitySample, windows
from lab.model.scenario import Cell, Scenario

FORMAT = 1

MARKS = {Reach.REACHABLE: "█", Reach.UNREACHABLE: "░", Reach.UNKNOWN: "?"}
STYLES = {Reach.REACHABLE: "green", Reach.UNREACHABLE: "red", Reach.UNKNOWN: "yellow"}

STRIP = 60
"""Marks on one line at most."""

Curve = tuple[Cell, Sequence[ReachabilitySample]]


def document(scenario: Scenario, curves: Sequence[Curve], *, clock: str, every_s: float) -> dict[str, Any]:
    """Return the curves as JSON values."""
    return {
        "format": FORMAT,
        "lab": __version__,
        "scenario": {"name": scenario.name, "file": scenario.file, "title": scenario.title},
        "clock": clock,
        "every_s": every_s,
        "cells": [
            {
                "name": cell.name,
                "axes": dict(cell.axes),
                "looks": [_look(look) for look in looks],
                "outages": [_window(window) for window in windows(looks)],
            }
            for cell, looks in curves
        ],
    }


def _look(look: ReachabilitySample) -> dict[str, Any]:
    return {
        "at_s": look.at_s,
        "reach": look.reach.value,
        "cause": look.cause.kind.name if look.cause else None,
        "doubt": look.doubt,
    }


def _window(window: OutageWindow) -> dict[str, Any]:
    return {
        "after_s": window.after_s,
        "from_s": window.from_s,
        "to_s": window.to_s,
        "before_s": window.before_s,
        "cause": window.cause.kind.name if window.cause else None,
        "text": window.cause.text if window.cause else "",
    }


def show(console: Console, scenario: Scenario, curves: Sequence[Curve], *, every_s: float) -> None:
    """Print a strip for each cell, and its outages beneath."""
    console.print(Text(scenario.title, "italic"))
    legend = ", ".join(f"{mark} {reach.value}" for reach, mark in MARKS.items())
    times = [look.at_s for look in curves[0][1]]
    console.print(
        f"one probe each {every_s:g} s from {times[0]:g} s to {times[-1]:g} s, each in a cell of its own: {legend}"
    )
    width = max(len(cell.name) for cell, _ in curves)
    for cell, looks in curves:
        for first in range(0, len(looks), STRIP):
            some = looks[first : first + STRIP]
            name = cell.name if not first else ""
            strip = Text.assemble(*((MARKS[look.reach], STYLES[look.reach]) for look in some))
            console.print(Text.assemble(f"{name:{width}}  {some[0].at_s:>6g} s ", strip), soft_wrap=True)
        for window in windows(looks):
            console.print(f"    {_outage(window)}", markup=False, soft_wrap=True)
        for doubt in dict.fromkeys(look.doubt for look in looks if look.doubt):
            console.print(f"    inconclusive: {doubt}", markup=False, soft_wrap=True)
    console.print()


def _outage(window: OutageWindow) -> str:
    lost = (
        f"by {window.from_s:g} s" if window.after_s is None else f"between {window.after_s:g} s and {window.from_s:g} s"
    )
    back = "not back" if window.before_s is None else f"back between {window.to_s:g} s and {window.before_s:g} s"
    return f"lost {lost}, {back}: {window.cause.text if window.cause else 'the record does not show why'}"
