"""``lab curve``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.options import File, Only, Out


@app.command("curve", short_help="Show when each client can be reached, and when not.")
def curve_command(
    *,
    file: File,
    out: Out = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print curve.json on standard output.")] = False,
    only: Only = [],  # noqa: B006  (typer copies it)
    start: Annotated[
        float | None,
        typer.Option(
            "--from", metavar="SECONDS", min=0.0, help="First moment [default: one step].", show_default=False
        ),
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.0, help="Last moment [default: the scenario's end].", show_default=False),
    ] = None,
    every: Annotated[float, typer.Option(metavar="SECONDS", min=0.001, help="From one moment to the next.")] = 10.0,
) -> None:
    """Show when each client can be reached: one probe at each moment, each in a cell of its own.

    Probes within one cell would restart the very timers they ask about. The probe is the scenario's first, at other
    times; its claims do not matter. In virtual time, where that can be had.

    Exit status: 0 it was done; 2 the scenario is wrong; 3 this machine cannot do it; 4 the lab failed; 130 interrupted.
    """
    from lab.cli.curve import draw

    raise typer.Exit(draw(file, out=out, only=tuple(only), grid=(start, until, every), json=json))
