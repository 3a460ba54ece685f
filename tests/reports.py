"""Builds cells of ``report.json`` for tests, and the sides of a comparison that have them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from lab.comparison.side import Side, _converted


def metrics(
    packets: float = 100,
    *,
    bytes: float = 10_000,  # noqa: A002  (as the figure is called)
    wakeups: float = 40,
    radio: float = 400,
    outages: Sequence[tuple[float, float | None]] = (),
    observed: float = 3600.0,
    measured: bool = True,
    lost: bool = False,
) -> dict[str, Any]:
    """The metrics of a cell, those that are compared."""
    return {
        "outages": [{"from_s": start, "to_s": to} for start, to in outages],
        "packets_per_hour": packets,
        "bytes_per_hour": bytes,
        "radio_wakeups_per_hour": wakeups,
        "radio_active_s_per_hour": radio,
        "observed_s": observed,
        "measured": measured,
        "lost": {"at_s": 33.0, "packets": 1, "bytes": 100, "wakeups": 1} if lost else None,
    }


def cell(name: str = "x", *, axes: dict[str, str] | None = None, **other: Any) -> dict[str, Any]:
    """A cell of 100 s that passes, unless told otherwise."""
    usual: dict[str, Any] = {"verdict": "pass", "ends_s": 100.0, "metrics": metrics()}
    made = {"name": name, "axes": {"strategy": name} if axes is None else axes, **usual, **other}
    if made["verdict"] is None:
        made |= {"error": {"side": "lab", "text": "broken"}, "metrics": None}
    if made["verdict"] == "unsupported":
        made["metrics"] = None
    return made


def fail(kind: str = "client-idle-timer", at_s: float | None = 33.0, **other: Any) -> dict[str, Any]:
    """A cell that fails."""
    return cell(verdict="fail", cause={"kind": kind, "at_s": at_s, "text": f"{kind} did it"}, **other)


def seed(number: int, **other: Any) -> dict[str, Any]:
    """The outcome with one seed."""
    return {"seed": number, "verdict": "pass", "text": "", "metrics": metrics(), **other}


def document(*cells: dict[str, Any], **other: Any) -> dict[str, Any]:
    """A report.json."""
    scenario = {"name": "s", "file": "s.yaml", "title": "A title", "why": "", "source": ""}
    usual = {"format": 1, "lab": "1.0", "scenario": scenario, "clock": "virtual", "finished": True}
    return {**usual, "cells": list(cells), **other}


def side(*cells: dict[str, Any], name: str = "run", **other: Any) -> Side:
    """One side of a comparison."""
    return _converted(name, msgspec.json.decode(json.dumps(document(*cells, **other))))
