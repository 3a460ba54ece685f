"""``lab shell``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("shell", short_help="Open a shell in a node of a lab that is up.")
def shell_command(
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
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Open your shell ($SHELL) in the network of a node, as root of the lab's world.

    It sees the node's links and the lab's processes, and your files: `ss -tnp`, `ip route`, `ping 203.0.113.10`,
    `nft list ruleset`. $LAB_NODE is the node's name. The shell ends with the lab.

    Exit status: the shell's; 2 no such node or lab.
    """
    from lab.cli.node import shell

    raise typer.Exit(shell(node, name=lab))
