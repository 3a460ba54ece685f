"""Formats what a search has found as JSON values: ``explore.json`` (docs/explore.md)."""

from __future__ import annotations

from typing import Any

from lab import __version__
from lab.exploration.explore import Prepared
from lab.exploration.finding import Finding
from lab.exploration.found_file import fault_keys, impairment_keys
from lab.exploration.search import Result

FORMAT = 1


def document(prepared: Prepared, result: Result, *, clock: str, finished: bool) -> dict[str, Any]:
    """Return the result of a search.

    Args:
        prepared: what was searched.
        result: what it has come to.
        clock: ``real`` or ``virtual``.
        finished: False if it was interrupted.
    """
    scenario, wish = prepared.scenario, prepared.wish
    return {
        "format": FORMAT,
        "lab": __version__,
        "scenario": {"name": scenario.name, "file": scenario.file, "title": scenario.title},
        "strategy": prepared.starts[0].cell.strategy.name,
        "clock": clock,
        "finished": finished,
        "seed": result.seed,
        "recovers_within_s": wish.limits.recovers_within_s,
        "packets_per_minute": wish.limits.packets_per_minute,
        "timelines": result.tried,
        "cells": result.cells,
        "exhausted": result.exhausted,
        "inconclusive": len(result.doubts),
        "doubts": sorted(set(result.doubts)),
        "errors": [text for text, _ in result.errors],
        "unsteady": len(result.unsteady),
        "findings": [_finding(each) for each in result.findings],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    timeline = finding.timeline
    return {
        "cause": finding.breach.cause,
        "at_s": finding.breach.at_s,
        "text": finding.breach.text,
        "start": timeline.start,
        "faults": [fault_keys(fault) for fault in timeline.faults],
        "impairments": [impairment_keys(each) for each in timeline.impairments],
        "over_s": timeline.over_s,
        "shrunk_from": finding.shrunk_from,
        "shrinking_cells": finding.cells,
        "known_before": finding.before,
        "file": finding.file,
    }
