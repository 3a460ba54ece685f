"""``lab worker``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.options import check_scheduler


@app.command("worker", short_help="Run cells for a Dask scheduler.")
def worker_command(
    *,
    scheduler: Annotated[
        str, typer.Argument(metavar="URL", help="The Dask scheduler, as in tcp://host:8786.", show_default=False)
    ],
    jobs: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, show_default=False, help="Cells side by side at most [default: one per processor]."
        ),
    ] = None,
) -> None:
    """Run cells for a Dask scheduler, until Ctrl-C or the end of the scheduler.

    Start a scheduler with `dask scheduler`, a worker on each machine with `lab worker tcp://host:8786`, and then
    `lab run my.yaml --engine dask --scheduler tcp://host:8786` anywhere. Whoever reaches a scheduler can run programs
    on its workers: use TLS (docs/scale.md), or a network of your own.

    Exit status: 0 told to end; 3 this machine cannot run cells, or the scheduler has ended.
    """
    from lab.cli.worker import serve

    check_scheduler(scheduler, hint="URL")
    serve(scheduler, jobs)
