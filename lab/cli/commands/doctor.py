"""``lab doctor``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app


@app.command("doctor", short_help="Try what this machine can do, and say how to mend the rest.")
def doctor_command(
    *, json: Annotated[bool, typer.Option("--json", help="Print the findings on standard output.")] = False
) -> None:
    """Try what this machine can do: both kinds of time, containers, servers; and say how to mend what it cannot.

    Exit status 0 if `lab run` works in some way, 3 if not.
    """
    from lab.cli.doctor import examine

    raise typer.Exit(examine(as_json=json))
