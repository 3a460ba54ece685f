"""``lab status``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("status", short_help="Show a lab that is up: mappings with ages, flows, bindings, timers.")
def status_command(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output as JSON.")] = False,
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Show what is in a lab that is up, at this moment.

    Nodes with their addresses and programs; each NAT's mappings, how old they are and when they are forgotten; flows at
    the server; bindings and subscriptions; what will happen next by itself; faults and probes so far.

    Exit status: 0 it is up; 2 no lab of that name is up; 3 or 4 it has ended by itself.
    """
    from lab.cli.status import status

    raise typer.Exit(status(name=lab, json=json))
