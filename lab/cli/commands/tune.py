"""``lab tune``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import Engine, File, Memory, Only, Out, Scheduler, engine_choice
from lab.fleet.choose import EngineKind
from lab.worlds.clock import GUEST_MEMORY_MB


@app.command("tune", short_help="Find the longest keep-alive interval that is safe.")
def tune_command(
    *,
    file: File,
    vary: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=FROM..TO",
            help="A parameter and its range, as in interval=10s..30min; repeatable: one after the other.",
            show_default=False,
        ),
    ],
    strategy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A strategy of the scenario or of the lab, or a mitigation such as options-ping; repeatable [default:"
            " those of the scenario that have the parameter].",
            show_default=False,
            autocompletion=completion.strategy,
        ),
    ] = [],  # noqa: B006  (typer copies it)
    resolution: Annotated[
        str, typer.Option(metavar="TIME|SHARE", help="How close to the limit: 1s, or 2% of the value.")
    ] = "1s",
    only: Only = [],  # noqa: B006  (typer copies it)
    out: Out = Path("runs"),
    engine: Engine = EngineKind.LOCAL,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print tune.json on standard output.")] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, show_default=False, help="Cells side by side at most [default: one per processor]."
        ),
    ] = None,
    memory: Memory = GUEST_MEMORY_MB,
) -> None:
    """Find the longest value of a parameter with which the client is reachable at every moment.

    The search runs for each combination of the axes, in virtual time. Each client that passes is probed again
    at its weakest moment. Of several parameters the first keeps its longest safe value while the next is searched for.

    Exit status: 0 it was done; 2 the scenario or an option is wrong; 3 this machine cannot do it; 4 the lab failed; 130
    interrupted.
    """
    from lab.cli.tune import Options, tune_file

    options = Options(
        vary=tuple(vary),
        strategies=tuple(strategy),
        resolution=resolution,
        only=tuple(only),
        out=out,
        json=json,
        engine=engine_choice(engine, scheduler),
        jobs=jobs,
        memory_mb=memory,
    )
    raise typer.Exit(tune_file(file, options))
