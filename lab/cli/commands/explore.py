"""``lab explore``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import Engine, File, Only, Out, Scheduler, engine_choice
from lab.fleet.choose import EngineKind


@app.command("explore", short_help="Search for what breaks a strategy.")
def explore_command(
    *,
    file: File,
    strategy: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="The strategy that is believed: the scenario's, or one of `lab list strategies`"
            " [default: the scenario's, if it has one only].",
            autocompletion=completion.strategy,
        ),
    ] = "",
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="TIME",
            show_default=False,
            help="Search for so long [default: 10min, or as long as --cells takes].",
        ),
    ] = None,
    cells: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, show_default=False, help="Try so many timelines; shrinking what is found comes on top."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**32 - 1,
            show_default=False,
            help="Of the timelines; the same seed and --cells find the same [default: a new one, and first what earlier"
            " searches have found].",
        ),
    ] = None,
    recovers_within: Annotated[
        str, typer.Option(metavar="TIME", help="The client must be reachable so long after the last fault.")
    ] = "10s",
    packets: Annotated[str, typer.Option(metavar="N/min", help="The client may send so many in any minute.")] = (
        "120/min"
    ),
    faults: Annotated[
        str,
        typer.Option(
            metavar="KIND,…",
            show_default=False,
            help="Only these: kinds of `lab list faults`, and `impairment` for delay, loss and rate of links"
            " [default: all that can happen].",
            autocompletion=completion.faults,
        ),
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default=False, help="Where scenarios that were found go [default: found/ in the run]."
        ),
    ] = None,
    only: Only = [],  # noqa: B006  (typer copies it)
    out: Out = Path("runs"),
    engine: Engine = EngineKind.LOCAL,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print explore.json on standard output.")] = False,
) -> None:
    """Search for what breaks a strategy: generate faults and bad links, and shrink what breaks it to the least.

    Once the last fault is over and --recovers-within has passed, the client must be reachable at every moment, keep no
    connection that it does not need, and not spin. What breaks that is written as a scenario, which `lab run` shows
    again. Faults begin before the scenario's end; its own faults, probes and claims do not matter. Needs Hypothesis.

    Exit status: 0 nothing was found, which is no proof; 1 something was, or no timeline showed anything; 2 the scenario
    is wrong; 3 this machine cannot do it; 4 the lab failed; 130 interrupted.
    """
    from lab.cli.explore import Options, find

    options = Options(
        strategy=strategy,
        lasts=lasts,
        cells=cells,
        seed=seed,
        recovers_within=recovers_within,
        packets=packets,
        faults=faults,
        into=into,
        only=tuple(only),
        out=out,
        json=json,
        engine=engine_choice(engine, scheduler),
    )
    raise typer.Exit(find(file, options))
