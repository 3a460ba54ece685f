"""``lab bundle``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app


@app.command("bundle", short_help="Pack a cell of a finished run into one file, for a ticket.")
def bundle_command(
    *,
    cell: Annotated[
        str,
        typer.Argument(
            metavar="[CELL]",
            help="The cell, by name; of a run with one cell it need not be said.",
            autocompletion=completion.cell,
            show_default=False,
        ),
    ] = "",
    run: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")] = Path("runs/latest"),
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The zip file [default: RUN-CELL.zip here].", show_default=False)
    ] = None,
) -> None:
    """Pack a cell into one zip file to attach to a ticket.

    It has the scenario, the topology, versions and seed, record, logs and capture of the cell and of its twins, and the
    command that runs the cell again. It is a run folder itself: unpack it, and `lab why --run` works on it.

    Exit status 0; 2 if there is no such run or cell; 3 if the file cannot be written.
    """
    from lab.cli.bundle import bundle

    raise typer.Exit(bundle(cell, run, to))
