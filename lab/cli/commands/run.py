"""``lab run``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.backends.base import BackendKind
from lab.cli.app import app
from lab.cli.choices import DEFAULT_SERVER, ClockChoice, ServerChoice
from lab.cli.options import (
    AsList,
    Captures,
    Engine,
    Files,
    Memory,
    Only,
    Out,
    Quiet,
    Scheduler,
    Verbose,
    engine_choice,
    verbosity,
)
from lab.fleet.choose import EngineKind
from lab.model.twin import TwinPlan
from lab.worlds.clock import GUEST_MEMORY_MB


@app.command("run", short_help="Run scenarios and report which strategies keep the client reachable.")
def run_command(
    *,
    files: Files,
    out: Out = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print report.json on standard output.")] = False,
    clock: Annotated[
        ClockChoice,
        typer.Option(help="virtual: skip idle time in a guest kernel; real: wait; auto: virtual where it can be had."),
    ] = ClockChoice.AUTO,
    backend: Annotated[
        BackendKind,
        typer.Option(
            help="netns: nodes are network namespaces; docker: containers, in real time, as root (docs/containers.md)."
        ),
    ] = BackendKind.NETNS,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            show_default=False,
            help="Cells side by side at most [default: 32 in real time, 8 in containers, one per processor in virtual"
            " time].",
        ),
    ] = None,
    memory: Memory = GUEST_MEMORY_MB,
    only: Only = [],  # noqa: B006  (typer copies it)
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1, help="Replace the scenario's seed.")] = None,
    server: Annotated[
        ServerChoice, typer.Option(help="The SIP server of cells whose scenario does not say which.")
    ] = DEFAULT_SERVER,
    moments: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Probe a client that passes again, at so many of its weakest moments; 0: do not."
        ),
    ] = 1,
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Run each cell with so many seeds; a verdict must not depend on it.")
    ] = 1,
    costs: Annotated[
        bool,
        typer.Option(
            help="Measure costs per hour in a silent hour of virtual time; else, and in real time, estimate them."
        ),
    ] = True,
    causes: Annotated[
        bool,
        typer.Option(help="Where a lost probe has several suspects, run the cell again without each, in virtual time."),
    ] = True,
    split: Annotated[
        bool, typer.Option("--split", help="Keep a capture of each link beside cell.pcapng, which has all links.")
    ] = False,
    baseline: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            show_default=False,
            help="Compare with this earlier run, a folder or a report.json, as `lab compare RUN` does; exit with 1 if"
            " this run is worse.",
        ),
    ] = None,
    fresh: Annotated[
        bool,
        typer.Option("--fresh", help="Run cells, too, whose record is in the cache (virtual time only; `lab cache`)."),
    ] = False,
    shard: Annotated[
        str,
        typer.Option(
            "--shard",
            metavar="N/OF",
            help="Run one of several parts, as 2/5; `lab merge` makes one run of all.",
            show_default=False,
        ),
    ] = "",
    engine: Engine = EngineKind.LOCAL,
    scheduler: Scheduler = None,
    captures: Captures = False,
    as_list: AsList = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Run scenarios and report which strategies keep the client reachable.

    Several axes end in a matrix of strategies against everything else, `--list` shows a row per cell instead.

    Exit status: 0 all claims hold; 1 some do not, no cell can exist, or the run is worse than its baseline; 2 a
    scenario is wrong; 3 this machine cannot do it; 4 the lab failed; 5 something was left behind; 130 interrupted.
    """
    from lab.cli.run import Options, run_files

    if backend is BackendKind.DOCKER and clock is ClockChoice.VIRTUAL:
        raise typer.BadParameter(
            "containers run on this machine's kernel, in real time; leave out --clock, or --backend docker",
            param_hint="--clock",
        )
    if shard and baseline is not None:
        raise typer.BadParameter("a shard lacks cells; compare what `lab merge` makes of all", param_hint="--baseline")
    where = engine_choice(engine, scheduler, captures=captures, clock=clock.value, backend=backend.value)
    options = Options(
        out=out,
        json=json,
        jobs=jobs,
        memory_mb=memory,
        only=tuple(only),
        seed=seed,
        clock=clock.value,
        backend=backend,
        engine=where,
        server=server.value,
        split=split,
        fresh=fresh,
        shard=shard,
        as_list=as_list,
        baseline=baseline,
        verbosity=verbosity(quiet=quiet, verbose=verbose),
        twins=TwinPlan(moments=moments, causes=causes, costs=costs, seeds=seeds),
    )
    raise typer.Exit(run_files(files, options))
