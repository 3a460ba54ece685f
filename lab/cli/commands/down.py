"""``lab down``: its options and its help."""

from __future__ import annotations

import typer

from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("down", short_help="Take a lab down; nothing of it is left.")
def down_command(*, lab: LiveLab = DEFAULT_LIVE_LAB) -> None:
    """End a lab with everything in it: processes, namespaces, logs and captures.

    Commands that `lab exec` and `lab shell` started in its nodes end, too.

    Exit status: 0 it is gone; 2 no lab of that name is up.
    """
    from lab.cli.up import down

    raise typer.Exit(down(lab))
