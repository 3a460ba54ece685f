"""Runs imported scenarios, and says whether the lab shows what the field saw, and which strategies would help."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.backends.base import BackendKind
from lab.engine import prepare
from lab.engine.cell_run import CellRun
from lab.engine.execute import execute
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.twins.plan import possible
from lab.errors import LabError
from lab.importing.case import Case, reached
from lab.importing.importing import Imported
from lab.importing.scenario import text
from lab.loader import catalog
from lab.loader.load import load_text
from lab.model.outcome import Outcome
from lab.model.twin import TwinPlan
from lab.model.verdict import Verdict

AS_IN_THE_FIELD = TwinPlan(moments=0, costs=False, causes=True)
"""The field was probed at its own moments only; a probe at the weakest one would be another question."""
HELPS = TwinPlan(moments=1, costs=False, causes=False)
SAME_TIME_S = 1.0
"""A probe of the scenario is that of the field, whose time is written in tenths of a second or whole seconds."""

Watch = Callable[[RunFolder], Callable[[dict[str, Any]], None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One explanation as the lab showed it.

    Attributes:
        imported: the explanation.
        verdict, cause: as the lab judged; `cause` is empty if it named none.
        at_s: when the cause was; None: it has no time.
        differences: sentences; empty: the lab shows the same.
        doubt: why the verdict is inconclusive.
        folder: of the run.
    """

    imported: Imported
    verdict: str
    cause: str
    at_s: float | None
    differences: tuple[str, ...]
    doubt: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Rerun:
    """The result of running.

    Attributes:
        shown: of each explanation that was run, in their order.
        helped: strategies of the catalogue with which the client would have been reachable at every moment.
        failed: those with which it would not.
        finished: whether the runs were not interrupted.
    """

    shown: tuple[Shown, ...]
    helped: tuple[str, ...]
    failed: tuple[str, ...]
    finished: bool


def rerun(
    case: Case, files: Sequence[tuple[Imported, Path]], *, clock: str, out: Path, watch: Watch, strategies: bool
) -> Rerun:
    """Run scenarios, and the first of them with the strategies of the catalogue.

    Args:
        case: what the field saw.
        files: explanations, and where their scenarios are.
        clock: ``virtual``, ``real`` or ``auto``.
        out: where run folders go.
        watch: takes progress.
        strategies: whether to try those of the catalogue.

    Raises:
        ScenarioError: a scenario cannot be loaded.
        HostNotCapable: this machine cannot do it; nothing was started.
    """
    scenarios = [load_text(imported.text, path) for imported, path in files]
    plans = [AS_IN_THE_FIELD] * len(scenarios)
    if strategies:
        first, path = files[0]
        scenarios.append(load_text(with_catalog(case, first), path))
        plans.append(HELPS)
    prepare.check(scenarios, BackendKind.NETNS)
    decided = prepare.decide(scenarios, clock, BackendKind.NETNS)
    orders = [
        RunRequest(scenario=each, out=out, clock=decided, watch=watch, twins=possible(plan, decided))
        for each, plan in zip(scenarios, plans, strict=True)
    ]
    runs = execute(orders)
    shown = tuple(
        _shown(case, imported, cell, run.folder)
        for (imported, _), run in zip(files, runs, strict=False)
        for cell in run.cells[:1]
    )
    verdicts: dict[str, Verdict | None] = {}
    if strategies:
        verdicts = {cell.cell.strategy.name: _verdict(cell) for cell in runs[-1].cells}
    return Rerun(
        shown,
        tuple(name for name, verdict in verdicts.items() if verdict is Verdict.PASS),
        tuple(name for name, verdict in verdicts.items() if verdict is Verdict.FAIL),
        all(run.finished for run in runs),
    )


def with_catalog(case: Case, imported: Imported) -> str:
    """Return the text of a scenario with the strategies of the catalogue in the place of its own, without claims."""
    kept = {key: value for key, value in imported.content.items() if key not in ("strategy", "claims")}
    return text({**kept, "matrix": {"strategy": catalog.strategy_names()}}, case, imported.hypothesis)


def _verdict(cell: CellRun) -> Verdict | None:
    outcome = cell.result
    return None if isinstance(outcome, LabError) else outcome.verdict


def _shown(case: Case, imported: Imported, cell: CellRun, folder: Path) -> Shown:
    outcome = cell.result
    if isinstance(outcome, LabError):
        return Shown(imported, "", "", None, (f"the lab could not run it: {outcome}",), str(outcome), folder)
    cause = outcome.cause
    return Shown(
        imported,
        outcome.verdict.value,
        "" if cause is None else cause.kind.name,
        None if cause is None else cause.at_s,
        tuple(_differences(case, imported, outcome)),
        outcome.doubt,
        folder,
    )


def _differences(case: Case, imported: Imported, outcome: Outcome) -> list[str]:
    """Return where the lab shows something else than the field saw: verdict, cause, time, probes."""
    (claim,) = imported.content["claims"]
    found = []
    if outcome.verdict.value != claim["verdict"]:
        doubt = f" ({outcome.doubt})" if outcome.doubt else ""
        found.append(f"the lab's verdict is {outcome.verdict.value}{doubt}, the field's {claim['verdict']}")
    cause = outcome.cause
    wanted = claim.get("cause")
    if cause is not None and wanted and cause.kind.name != wanted:
        found.append(f"the lab's cause is {cause.kind.name}, this explanation's {wanted}")
    elif cause is not None and cause.at_s is not None and "at" in claim:
        at, within = (float(claim[key].removesuffix(" s")) for key in ("at", "within"))
        if abs(cause.at_s - at) > within:
            found.append(f"the lab's cause is at {cause.at_s:.1f} s, the field's within {within:g} s of {at:g} s")
    story = case.story
    for probe in story.probes:
        at = story.at(probe.t)
        twin = next((each for each in outcome.probes if abs(each.at_s - at) <= SAME_TIME_S), None)
        if twin is not None and twin.answered is not reached(probe):
            words = {True: "accepted", False: "lost"}
            found.append(
                f"the {probe.method} at {at:.1f} s was {words[reached(probe)]} in the field,"
                f" {words[twin.answered]} in the lab"
            )
    return found
