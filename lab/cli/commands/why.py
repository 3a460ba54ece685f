"""``lab why``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app


@app.command("why", short_help="Explain a finished run: from each cause to the lost probe.")
def why_command(
    *,
    cells: Annotated[
        list[str],
        typer.Argument(
            metavar="CELL",
            help="Cells by name; all that did not pass, if none is given.",
            autocompletion=completion.cell,
        ),
    ] = [],  # noqa: B006  (typer copies it)
    run: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")] = Path("runs/latest"),
) -> None:
    """Explain a finished run: from each cell's cause to the probe it cost, with the record lines that show it.

    Exit status 0; 2 if there is no such run or cell.
    """
    from lab.cli.why import why

    raise typer.Exit(why(cells, run))
