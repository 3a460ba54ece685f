"""Formats a tuning as JSON values: ``tune.json`` (docs/tune.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab import __version__
from lab.model.scenario import Scenario
from lab.tuning.answer import Answer, Choice, Tuning
from lab.tuning.trials import Trial

FORMAT = 1
FILE = "tune.json"


def document(scenario: Scenario, tuning: Tuning) -> dict[str, Any]:
    """Return a tuning as JSON values."""
    return {
        "format": FORMAT,
        "lab": __version__,
        "scenario": {"name": scenario.name, "file": scenario.file, "title": scenario.title},
        "clock": tuning.run.clock,
        "finished": tuning.run.finished,
        "choices": [_choice(each) for each in tuning.choices],
        "answers": [_answer(each) for each in tuning.answers],
    }


def _choice(choice: Choice) -> dict[str, Any]:
    bound = choice.bound_by
    return {
        "strategy": choice.strategy,
        "parameter": choice.parameter,
        "value_s": choice.value_s,
        "bound_by": None if bound is None else bound.name,
        "why": "" if bound is None else bound.why,
        "survives": choice.survives,
        "of": choice.judged,
        "lost": list(choice.lost),
        "larger": [
            {"value_s": each.value_s, "survives": each.survives, "lost": list(each.lost)} for each in choice.larger
        ],
    }


def _answer(answer: Answer) -> dict[str, Any]:
    found, costs = answer.found, answer.costs
    fails = None if found is None else found.fails
    return {
        "name": answer.name,
        "axes": dict(answer.start.axes),
        "strategy": answer.strategy,
        "parameter": answer.parameter,
        "from_s": answer.scale.low,
        "to_s": answer.scale.high,
        "fixed": {each.name: each.value_s for each in answer.fixed},
        "ending": None if found is None else found.ending.value,
        "safe_s": None if answer.safe is None else answer.safe.value_s,
        "fails_s": None if fails is None else fails.value_s,
        "passing_cell": None if answer.safe is None else answer.safe.cell,
        "failing_cell": None if fails is None else fails.cell,
        "cause": None if fails is None else {"kind": fails.kind, "at_s": fails.at_s, "text": fails.text},
        "kept_by": "" if answer.safe is None else answer.safe.text,
        "costs": None
        if costs is None
        else {
            "packets_per_hour": costs.packets_per_hour,
            "bytes_per_hour": costs.bytes_per_hour,
            "radio_wakeups_per_hour": costs.radio_wakeups_per_hour,
            "radio_active_s_per_hour": costs.radio_active_s_per_hour,
            "observed_s": costs.observed_s,
            "lost_at_s": None if costs.lost is None else costs.lost.at_s,
        },
        "pass_again": _values(() if found is None else found.pass_again),
        "inconclusive": _values(() if found is None else found.unknown),
        "trials": [
            {"value_s": each.value_s, "verdict": each.verdict.value, "cell": each.cell, "text": each.text}
            for each in (() if found is None else found.trials)
        ],
        "left_out": answer.left_out,
        "error": None if answer.error is None else {"side": answer.error.side, "text": str(answer.error)},
    }


def _values(trials: Sequence[Trial]) -> list[float]:
    return [each.value_s for each in trials]
