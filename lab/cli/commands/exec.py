"""``lab exec``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("exec", short_help="Run a command in a node of a lab that is up.")
def exec_command(
    *,
    node: Annotated[
        str,
        typer.Argument(
            metavar="NODE",
            help="A node of the lab (`lab status` lists them).",
            show_default=False,
            autocompletion=completion.node,
        ),
    ],
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND", help="The program and its arguments, after `--`.", show_default=False),
    ],
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Run a command in the network of a node, as root of the lab's world, with your files and streams.

    \b
      lab exec client -- ss -tnp                        the client's connections
      lab exec home-nat -- conntrack -L                 the NAT's own table
      lab exec client -- ping -c 3 203.0.113.10         is the server there

    It is a process of the lab: it ends with it. Exit status: the command's, or 128 and the signal that ended it; 126
    and 127 as shells have them; 2 no such node or lab.
    """  # noqa: D301  (`\\b` is click's: no line of what follows is wrapped)
    from lab.cli.node import execute

    raise typer.Exit(execute(node, command, name=lab))
