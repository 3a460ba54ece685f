"""Runs a real SIP client behind an emulated NAT, and reports which keep-alive strategies keep it reachable, and why.

From Python::

    import lab

    run = lab.run("my.yaml", only={"strategy": "none"})
    print(run["none", "nat-silent"].verdict)

Importing this package does nothing else: what it offers is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.api import build as build
    from lab.api import compare as compare
    from lab.api import explore as explore
    from lab.api import load as load
    from lab.api import merge as merge
    from lab.api import open_run as open_run
    from lab.api import rank as rank
    from lab.api import run as run
    from lab.api import tune as tune
    from lab.comparison.compare import Comparison as Comparison
    from lab.engine.cell_run import CellRun as CellRun
    from lab.engine.run import Run as Run
    from lab.errors import HostNotCapable as HostNotCapable
    from lab.errors import LabError as LabError
    from lab.errors import LabFault as LabFault
    from lab.errors import ScenarioError as ScenarioError
    from lab.errors import TeardownIncomplete as TeardownIncomplete
    from lab.model.scenario import Scenario as Scenario
    from lab.model.verdict import Verdict as Verdict
    from lab.ranking.ranking import Ranking as Ranking
    from lab.tuning.answer import Tuning as Tuning

__version__ = "0.2.0"
DISTRIBUTION = "sip-keepalive-lab"

_HOMES = {
    "build": "lab.api",
    "compare": "lab.api",
    "explore": "lab.api",
    "load": "lab.api",
    "merge": "lab.api",
    "open_run": "lab.api",
    "rank": "lab.api",
    "run": "lab.api",
    "tune": "lab.api",
    "Comparison": "lab.comparison.compare",
    "CellRun": "lab.engine.cell_run",
    "Run": "lab.engine.run",
    "HostNotCapable": "lab.errors",
    "LabError": "lab.errors",
    "LabFault": "lab.errors",
    "ScenarioError": "lab.errors",
    "TeardownIncomplete": "lab.errors",
    "Scenario": "lab.model.scenario",
    "Tuning": "lab.tuning.answer",
    "Verdict": "lab.model.verdict",
    "Ranking": "lab.ranking.ranking",
}
"""The public names, and the modules that have them."""

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  (texts, all of them)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
