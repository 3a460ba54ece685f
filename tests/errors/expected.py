"""The report that a wrong file gets, as it stands beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lab.loader import catalog
from lab.loader.conversion import keys
from lab.loader.one_key_mappings import causes, faults, mitigations
from lab.loader.scenario_file import ScenarioFile
from lab.model.scenario import Server

CASES = Path(__file__).parent / "cases"

LISTS: Mapping[str, Callable[[], Iterable[str]]] = {
    "EVERY-FAULT": faults,
    "EVERY-CAUSE": causes,
    "EVERY-MITIGATION": mitigations,
    "EVERY-SCENARIO-KEY": lambda: keys(ScenarioFile),
    "EVERY-STRATEGY": catalog.strategy_names,
    "EVERY-DEVICE-FAULT": lambda: (name for name, cls in faults().items() if cls.of_device),
    "EVERY-DEVICE": catalog.device_names,
    "EVERY-SERVER-KEY": lambda: keys(Server),
}
"""What stands in a report for a list that grows with each fault, mitigation, strategy, or key."""


def report(name: str) -> str:
    """Return the report on ``cases/NAME.yaml``."""
    text = (CASES / f"{name}.txt").read_text(encoding="utf-8")
    for word, names in LISTS.items():
        text = text.replace(word, ", ".join(names()))
    return text
