"""``lab inject``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("inject", short_help="Do a fault in a lab that is up.")
def inject_command(
    *,
    fault: Annotated[
        list[str],
        typer.Argument(
            metavar="FAULT [KEY=VALUE…]",
            help="A kind of fault (`lab list faults`) and its keys, without `at`; or the mapping that a scenario has.",
            show_default=False,
            autocompletion=completion.injected,
        ),
    ] = [],  # noqa: B006  (typer copies it)
    end: Annotated[
        int | None,
        typer.Option("--end", metavar="NUMBER", min=0, help="End this fault, which is in force.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output as JSON.")] = False,
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Do a fault now, and say what shows that it took effect.

    \b
      lab inject reboot node=home-nat
      lab inject FAULT link=access lasts=20s            one of a link, which ends by itself
      lab inject '{ FAULT: { link: access } }'          as a scenario has it
      lab inject --end 2                                end a fault that lasts

    `lab reference FAULT` explains the keys of a fault.

    Exit status: 0 it took effect; 1 the lab cannot see that it did; 2 no such fault, or one that cannot happen here.
    """  # noqa: D301  (`\\b` is click's: no line of what follows is wrapped)
    from lab.cli.inject import inject

    raise typer.Exit(inject(fault, end=end, json=json, name=lab))
