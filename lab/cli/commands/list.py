"""``lab list``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.choices import KindChoice


@app.command("list", short_help="List strategies, middleboxes, faults, scenarios and what else there is by name.")
def list_command(
    *,
    kind: Annotated[
        KindChoice,
        typer.Argument(metavar="KIND", help=" | ".join(each.value for each in KindChoice), show_default=False),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the list on standard output.")] = False,
) -> None:
    """List everything of one kind that a scenario can name, a line each; `lab show NAME` tells more of one.

    Exit status 0; 2 if there is no such kind.
    """
    from lab.cli.list import print_list

    raise typer.Exit(print_list(kind.value, json=json))
