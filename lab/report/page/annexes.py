"""Reads what other commands have left in the run folder for the page: a comparison, a ranking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lab.errors import ScenarioError
from lab.kept_file import DAMAGE, read_kept

COMPARISON_FILE = "comparison.json"
"""Of ``lab run --baseline``, in the format of ``lab compare --json``."""
RANKING_FILE = "rank.json"
"""Of ``lab rank``."""

MOST_CHANGES = 200
"""Changed cells that the page lists at most; the file has all of them."""


def comparison(folder: Path) -> dict[str, Any] | None:
    """Return what changed since the baseline, without the cells that are the same; None: there is no baseline."""
    told = _read(folder, COMPARISON_FILE)
    try:
        if told is None:
            return None
        changed = [
            {
                "name": cell["name"],
                "direction": cell["direction"],
                "fails": bool(cell["fails"]),
                "changes": [
                    {key: str(each[key]) for key in ("what", "before", "after", "why", "direction")}
                    for each in cell["changes"]
                ],
            }
            for cell in told["cells"]
            if cell["direction"] != "same"
        ]
        return {
            "baseline": str(told["a"]["name"]),
            "counts": {str(key): int(number) for key, number in told["counts"].items()},
            "notes": [str(note) for note in told["notes"]],
            "cells": changed[:MOST_CHANGES],
            "more": max(0, len(changed) - MOST_CHANGES),
        }
    except DAMAGE:
        return None


def ranking(folder: Path) -> dict[str, Any] | None:
    """Return the recommendation, and the figures of each strategy; None: nobody ranked this run."""
    told = _read(folder, RANKING_FILE)
    try:
        if told is None:
            return None
        advice = told["recommendation"]
        return {
            "population": {str(name): float(share) for name, share in told["population"].items()},
            "strategy": advice["strategy"],
            "nearest": advice["nearest"],
            "binding": [str(each) for each in advice["binding"]],
            "rule": str(advice["rule"]),
            "reason": str(advice["reason"]),
            "others": [str(each) for each in advice["others"]],
            "strategies": [_candidate(each) for each in told["strategies"]],
        }
    except DAMAGE:
        return None


def _candidate(told: dict[str, Any]) -> dict[str, Any]:
    costs = {
        name: None if told[name] is None else float(told[name]["mean"]) for name in ("wakeups", "packets", "bytes")
    }
    return {
        "name": str(told["name"]),
        "share": float(told["share"]),
        "unknown": float(told["unknown"]),
        "worst_outage_s": told["worst_outage_s"],
        "on_front": bool(told["on_front"]),
        "costs": costs,
    }


def _read(folder: Path, name: str) -> dict[str, Any] | None:
    """Return a JSON object of the run folder; None: it is not there, or is none."""
    try:
        told = json.loads(read_kept(folder / name, within=folder))
    except (FileNotFoundError, ScenarioError, *DAMAGE):
        return None
    return told if isinstance(told, dict) else None
