"""The report that a wrong file gets, as it stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from lab.loader.kinds import causes, faults

CASES = Path(__file__).parent / "cases"

LISTS: Mapping[str, Callable[[], Mapping[str, object]]] = {"EVERY-FAULT": faults, "EVERY-CAUSE": causes}
"""What stands in a report for a list that grows with each fault."""


def report(name: str) -> str:
    """Return the report on ``cases/NAME.yaml``."""
    text = (CASES / f"{name}.txt").read_text(encoding="utf-8")
    for word, names in LISTS.items():
        text = text.replace(word, ", ".join(names()))
    return text
