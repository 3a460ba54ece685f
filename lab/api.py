"""Offers the lab to Python: load or build a scenario, run it, read the result. See ``docs/python.md``."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.backends.base import BackendKind
from lab.comparison import compare as comparison
from lab.comparison import figures
from lab.comparison.compare import Comparison
from lab.engine import prepare as engine_prepare
from lab.engine.execute import clean_up, execute
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.select import choose
from lab.engine.twins.plan import possible
from lab.exploration.finding import Finding
from lab.exploration.search import Result
from lab.loader import load as loader
from lab.model.scenario import Scenario
from lab.model.twin import TwinPlan
from lab.worlds.clock import GUEST_MEMORY_MB

Labels = Mapping[str, str | Sequence[str]]
"""Values of axes by the axis's name: ``{"strategy": ["none", "reconnect"], "transport": "tls"}``."""


def load(file: Path | str, *, server: str = "scripted") -> Scenario:
    """Read a scenario file.

    Args:
        file: its path, or the name of a scenario that comes with the lab.
        server: the program that serves where the file does not say which: ``scripted`` or ``kamailio``.

    Raises:
        ScenarioError: the file, or the topology it names, is wrong; its ``problems`` are all that was found.
    """
    return loader.load(Path(file), server=server)


def build(
    content: Mapping[str, Any] | str, *, name: str = "scenario", folder: Path | str = ".", server: str = "scripted"
) -> Scenario:
    """Make a scenario of what would stand in a file.

    Args:
        content: the keys of the file and their values (texts, numbers, lists, mappings), or its YAML text.
        name: the scenario's.
        folder: from where topologies are looked for, and where a client's own command runs.
        server: as of `load`.

    Raises:
        ScenarioError: something is wrong with it; lines are those of its YAML text.
    """
    text = content if isinstance(content, str) else _yaml(content)
    return loader.load_text(text, Path(folder) / f"{name}.yaml", server=server)


def run(
    scenario: Scenario | Path | str,
    *,
    only: Labels | None = None,
    seed: int | None = None,
    server: str = "scripted",
    clock: str = "auto",
    backend: str = "netns",
    jobs: int | None = None,
    memory_mb: int = GUEST_MEMORY_MB,
    out: Path | str = "runs",
    moments: int = 1,
    seeds: int = 1,
    costs: bool = True,
    causes: bool = True,
    split: bool = False,
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> Run:
    """Run a scenario's cells and return what came of them. Writes records and captures, no reports.

    Args:
        scenario: loaded or built, or the path or name of a file, as of `load`.
        only: the cells to run; None: all.
        seed: in place of the scenario's.
        server: as of `load`, for the path of a file.
        clock: ``virtual``, ``real``, or ``auto``: virtual where it can be had.
        backend: ``netns``, or ``docker`` for containers, which know real time only.
        jobs: cells side by side at most; None: as many as suits the clock.
        memory_mb: memory of a virtual-time guest, in MiB.
        out: where the run's folder goes.
        moments: at how many of its weakest moments a client that passes is probed again, each in a cell of its own.
        seeds: with how many seeds each cell is run.
        costs: measure costs per hour in a silent hour, in virtual time; else they are estimated.
        causes: run a cell with several suspects again without each, in virtual time.
        split: keep a capture of each link beside that of the cell.
        on_progress: takes progress messages: mappings with ``ev`` (``phase``, ``probe``, ``time``, ``ended``,
            ``twin``), ``cell`` (its folder) and more.

    Raises:
        ScenarioError: the file or the choice of cells is wrong; nothing was started.
        HostNotCapable: this machine cannot do it; nothing was started.
        TeardownIncomplete: a process of the run could not be ended.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario, server=server)
    chosen = choose(loaded, [f"{axis}={label}" for axis, label in _pairs(only or {})], seed)
    kind = BackendKind(backend)
    engine_prepare.check([chosen], kind)
    decided = engine_prepare.decide([chosen], clock, kind)
    clean_up(lambda _: None, with_containers=kind is BackendKind.DOCKER)

    def watch(_: RunFolder) -> Callable[[dict[str, Any]], None]:
        return on_progress or (lambda _: None)

    order = RunRequest(
        scenario=chosen,
        out=Path(out),
        clock=decided,
        jobs=jobs,
        memory_mb=memory_mb,
        watch=watch,
        backend=kind,
        twins=possible(TwinPlan(moments=moments, causes=causes, costs=costs, seeds=seeds), decided),
        split=split,
    )
    (ran,) = execute([order])
    return ran


def explore(
    scenario: Scenario | Path | str,
    *,
    strategy: str = "",
    only: Labels | None = None,
    seconds: float | None = None,
    timelines: int | None = None,
    seed: int = 1,
    recovers_within: float = 10.0,
    packets_per_minute: int = 120,
    faults: Sequence[str] = (),
    into: Path | str | None = None,
    clock: str = "auto",
    jobs: int | None = None,
    out: Path | str = "runs",
    on_finding: Callable[[Finding], None] | None = None,
) -> Result:
    """Search for what breaks a strategy, and return what was found; see ``docs/explore.md``.

    Args:
        scenario: loaded or built, or the path or name of a file, as of `load`.
        strategy: the one that is believed, of the scenario or of the catalog; empty: the scenario's only one.
        only: the cells to which faults may happen; None: all.
        seconds: how long to search at most; None: as long as `timelines` takes, ten minutes without them.
        timelines: how many to try at most; what shrinking takes comes on top.
        seed: of the timelines; the same seed and number find the same.
        recovers_within: so many seconds after the last fault the client must be reachable, and from then on.
        packets_per_minute: the client may send so many in any minute.
        faults: kinds of faults, and ``impairment``; empty: all that can happen.
        into: the folder for the scenarios that are found; None: ``found`` in the run's folder.
        clock: as of `run`.
        jobs: as of `run`.
        out: where the run's folder goes.
        on_finding: takes each finding when it is confirmed.

    Raises:
        ScenarioError: the file, the strategy or a fault is wrong; nothing was started.
        HostNotCapable: this machine cannot do it, or Hypothesis is not installed; nothing was started.
    """
    from lab.exploration.bounds import USUAL_S, Bounds
    from lab.exploration.explore import Wish, prepare
    from lab.exploration.explore import explore as begin
    from lab.exploration.timeline import Limits

    loaded = scenario if isinstance(scenario, Scenario) else load(scenario)
    chosen = choose(loaded, [f"{axis}={label}" for axis, label in _pairs(only or {})])
    lasts = USUAL_S if seconds is None and timelines is None else seconds
    wish = Wish(
        strategy=strategy,
        limits=Limits(recovers_within_s=recovers_within, packets_per_minute=packets_per_minute),
        bounds=Bounds(seconds=lasts, timelines=timelines),
        seed=seed,
        words=tuple(faults),
        into=None if into is None else Path(into),
    )
    prepared = prepare(chosen, wish)
    decided = engine_prepare.decide([prepared.scenario], clock, BackendKind.NETNS)
    clean_up(lambda _: None, with_containers=False)
    _, result = begin(
        prepared,
        out=Path(out),
        clock=decided,
        watch=lambda _: lambda _: None,
        tell=on_finding or (lambda _: None),
        jobs=jobs,
    )
    return result


def open_run(folder: Path | str = "runs/latest") -> Run:
    """Open the folder of a run that is over, or was cut short.

    Raises:
        ScenarioError: the folder is not a run's.
    """
    return Run.open(folder)


def compare(
    a: Run | Path | str,
    b: Run | Path | str = "runs/latest",
    *,
    mapped: Sequence[tuple[str, str, str]] = (),
    tolerance: float = figures.COST_SHARE,
    tolerance_s: float = figures.TIME_S,
) -> Comparison:
    """Compare two runs cell by cell: verdicts, causes, outages, costs.

    Args:
        a: what was before: a run, a run folder, or a ``report.json``.
        b: what is now, likewise; it may be the same run.
        mapped: labels that are compared although they differ, ``("strategy", "none", "hold-transport")``: the axis, the
            label of A, the label of B. On such an axis no other labels are compared.
        tolerance: the share by which a cost may change and is the same.
        tolerance_s: the time by which an outage may change and is the same, in seconds.

    Raises:
        ScenarioError: one of them is no run, or they have no cell in common.
    """
    return comparison.compare(a, b, mapped=mapped, tolerances=figures.Tolerances(cost=tolerance, time_s=tolerance_s))


def _pairs(only: Labels) -> list[tuple[str, str]]:
    return [
        (axis, label) for axis, labels in only.items() for label in ([labels] if isinstance(labels, str) else labels)
    ]


def _yaml(content: Mapping[str, Any]) -> str:
    from ruamel.yaml import YAML

    text = io.StringIO()
    YAML(typ="safe", pure=True).dump(dict(content), text)
    return text.getvalue()
