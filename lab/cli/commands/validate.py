"""``lab validate``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.choices import DEFAULT_SERVER, ServerChoice
from lab.cli.options import Files, Only


@app.command("validate", short_help="Check scenario files, and say what they would run and for how long.")
def validate_command(
    *,
    files: Files,
    only: Only = [],  # noqa: B006  (typer copies it)
    server: Annotated[
        ServerChoice, typer.Option(help="The SIP server of cells whose scenario does not say which.")
    ] = DEFAULT_SERVER,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output.")] = False,
) -> None:
    """Check scenario files and expand them; say how many cells they have, and how long `lab run` may take.

    Nothing is started. Times are estimates; how many twins a run has follows partly from what its cells show.

    Exit status: 0 all files are right; 2 some are not.
    """
    from lab.cli.validate import validate

    raise typer.Exit(validate(files, only=tuple(only), server=server.value, json=json))
