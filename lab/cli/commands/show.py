"""``lab show``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app


@app.command("show", short_help="Show one thing: what it is, its parameters, its sources.")
def show_command(
    *,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="Names as `lab list` has them.", show_default=False, autocompletion=completion.anything
        ),
    ],
    code: Annotated[
        str,
        typer.Option(
            "--code",
            metavar="LANGUAGE",
            help="Print strategies as code: c, python, kotlin, swift, baresip, linphone, kamailio, or all.",
        ),
    ] = "",
) -> None:
    """Show what stands behind a name: what it is, its parameters or values, where they come from, and a drawing.

    A name that several kinds share shows each of them.

    Exit status 0; 2 if there is no such thing.
    """
    from lab.cli.show import show, show_code

    raise typer.Exit(show_code(names, code) if code else show(names))
