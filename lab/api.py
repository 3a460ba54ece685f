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
from lab.engine import prepare
from lab.engine.execute import clean_up, execute
from lab.engine.run import Run
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.engine.select import choose
from lab.engine.shards import merge as shards
from lab.engine.shards.shard import Shard, part_of
from lab.engine.twins.plan import possible
from lab.errors import Problem, ScenarioError
from lab.exploration.finding import Finding
from lab.exploration.search import Result
from lab.fleet.choose import EngineChoice, EngineKind
from lab.loader import load as loader
from lab.loader.population import OPTION, read_population, shares_of
from lab.model.scenario import Scenario
from lab.model.twin import TwinPlan
from lab.ranking.constraints import Constraints
from lab.ranking.measure import TWINS, scenario_to_rank
from lab.ranking.ranking import Ranking, rank_run
from lab.tuning.answer import Tuning
from lab.tuning.measure import tune as search_longest
from lab.tuning.request import read_request
from lab.worlds.clock import GUEST_MEMORY_MB, Clock

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
    fresh: bool = False,
    shard: str = "",
    engine: str = "local",
    scheduler: str | None = None,
    captures: bool = False,
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
        fresh: run cells, too, whose record the cache has, in virtual time.
        shard: the part of these cells to run, such as ``2/5``; empty: all. `merge` makes one run of all parts.
        engine: ``local``, or ``dask``: on Dask's workers, in virtual time.
        scheduler: the address of Dask's, as in ``tcp://host:8786``; None: one is started here, with workers.
        captures: bring them back from Dask's workers, too.
        on_progress: takes progress messages: mappings with ``ev`` (``phase``, ``probe``, ``time``, ``ended``,
            ``twin``), ``cell`` (its folder) and more, ``worker`` among it if a worker says it.

    Raises:
        ScenarioError: the file or the choice of cells is wrong; nothing was started.
        HostNotCapable: this machine cannot do it; nothing was started.
        TeardownIncomplete: a process of the run could not be ended.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario, server=server)
    chosen = choose(loaded, [f"{axis}={label}" for axis, label in _pairs(only or {})], seed)
    whole = None
    if shard:
        part = Shard.parse(shard, key="shard")
        chosen, whole = part_of(chosen, part)
        if not chosen.cells:
            allowed = f"at most {len(whole.cells)} shards"
            raise ScenarioError([Problem(chosen.file, 0, "shard", "has no cell", f"`{part}`", allowed)])
    kind = BackendKind(backend)
    where = EngineChoice(EngineKind(engine), scheduler, captures)
    prepare.check([chosen], kind, runs_here=where.runs_here)
    decided = prepare.decide([chosen], clock if where.is_local else "virtual", kind)
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
        fresh=fresh,
        shard=whole,
        engine=where.engine(),
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
    from lab.exploration.explore import Wish
    from lab.exploration.explore import explore as begin
    from lab.exploration.explore import prepare as prepared_search
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
    prepared = prepared_search(chosen, wish)
    decided = prepare.decide([prepared.scenario], clock, BackendKind.NETNS)
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


def merge(folders: Sequence[Path | str], out: Path | str = "runs") -> Run:
    """Make one run of several shards; cells that none of them has are left out, and `Run.finished` is False then.

    Args:
        folders: of the runs.
        out: where the new run's folder goes.

    Raises:
        ScenarioError: they are not shards of the same whole, or have the same cells; nothing was written.
        HostNotCapable: the folder cannot be written.
    """
    return shards.merge([Path(folder) for folder in folders], Path(out)).run


def tune(
    scenario: Scenario | Path | str,
    *,
    vary: Mapping[str, str],
    strategy: str | Sequence[str] = (),
    resolution: str = "1s",
    only: Labels | None = None,
    server: str = "scripted",
    jobs: int | None = None,
    memory_mb: int = GUEST_MEMORY_MB,
    out: Path | str = "runs",
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> Tuning:
    """Find the longest value of a parameter with which the client is reachable at every moment, in virtual time.

    Args:
        scenario: as of `run`.
        vary: parameters and their ranges: ``{"interval": "10s..30min"}``; the first keeps its longest safe value while
            the next is searched for.
        strategy: strategies of the scenario or of the lab, or mitigations; none: those of the scenario that have a
            parameter to vary.
        resolution: how close a safe value and one that fails must come: ``1s`` or ``2%``.
        only: the cells from which searches start; None: all.
        server: as of `load`, for the path of a file.
        jobs: cells side by side at most; None: one per processor.
        memory_mb: memory of a guest, in MiB.
        out: where the run's folder goes.
        on_progress: as of `run`; a message ``cell`` besides, with ``value``, for each cell that a search asks for.

    Raises:
        ScenarioError: the file or what is asked is wrong; nothing was started.
        HostNotCapable: this machine cannot do it; nothing was started.
    """
    loaded = scenario if isinstance(scenario, Scenario) else load(scenario, server=server)
    chosen = choose(loaded, [f"{axis}={label}" for axis, label in _pairs(only or {})])
    names = [strategy] if isinstance(strategy, str) else list(strategy)
    ranges = [f"{name}={between}" for name, between in vary.items()]
    request = read_request(chosen, vary=ranges, strategies=names, resolution=resolution)
    prepare.check([chosen], BackendKind.NETNS)
    prepare.decide([chosen], Clock.VIRTUAL.value, BackendKind.NETNS)
    clean_up(lambda _: None, with_containers=False)

    def watch(_: RunFolder) -> Callable[[dict[str, Any]], None]:
        return on_progress or (lambda _: None)

    return search_longest(
        chosen, request.starts, request.resolution, out=Path(out), watch=watch, jobs=jobs, memory_mb=memory_mb
    )


def rank(
    what: Run | Scenario | Path | str,
    *,
    population: Mapping[str, float | Mapping[str, Any]] | None = None,
    strategies: Sequence[str] = (),
    at_most: Mapping[str, float] | None = None,
    outage: float | None = None,
    reach: float | None = None,
    out: Path | str = "runs",
    on_progress: Callable[[dict[str, Any]], None] | None = None,
) -> Ranking:
    """Rank strategies by the share of a population that they reach, and by what they cost.

    Args:
        what: a scenario, loaded or as of `load`, whose cells are run; or a run, of which nothing runs again.
        population: the share of each middlebox in percent, together 100; a profile of your own is a mapping with
            ``share`` (``"15 %"``) and the keys of a middlebox. None: the scenario's, else equal shares. For a run and
            for a `Scenario`, all names must be values of its axis ``middlebox``.
        strategies: in the place of the scenario's, where ``what`` is a file.
        at_most: limits per hour behind any middlebox: of ``wakeups``, ``packets``, ``bytes``.
        outage: the longest time out of reach that is tolerated, in seconds.
        reach: the least share of the population, in percent.
        out: where the run's folder goes.
        on_progress: as of `run`.

    Raises:
        ScenarioError: the scenario, the population or a choice is wrong; nothing was started.
        HostNotCapable: this machine cannot do it; nothing was started.
    """
    constraints = Constraints(outage_s=outage, reach=reach, **(at_most or {}))
    node = None if population is None else read_population(_yaml(_shares_in_words(population)), OPTION)
    if isinstance(what, (Run, Scenario)):
        shares = () if node is None else shares_of(node)
        ran = what if isinstance(what, Run) else run(what, out=out, causes=TWINS.causes, on_progress=on_progress)
        return rank_run(ran, constraints, shares)
    scenario = scenario_to_rank(Path(what), population=node, strategies=strategies)
    return rank_run(run(scenario, out=out, causes=TWINS.causes, on_progress=on_progress), constraints)


def _shares_in_words(population: Mapping[str, float | Mapping[str, Any]]) -> dict[str, Any]:
    return {name: share if isinstance(share, Mapping) else f"{share!r} %" for name, share in population.items()}


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
