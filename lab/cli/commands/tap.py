"""``lab tap``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("tap", short_help="Capture a link of a lab that is up, live.")
def tap_command(
    *,
    link: Annotated[
        str,
        typer.Argument(
            metavar="LINK",
            help="A link of the lab (`lab status` lists them).",
            show_default=False,
            autocompletion=completion.link,
        ),
    ],
    write: Annotated[
        Path | None,
        typer.Option("--write", "-w", metavar="FILE", help="Write a pcapng file, and print a line per packet."),
    ] = None,
    from_start: Annotated[
        bool,
        typer.Option("--from-start", help="Begin with what has passed since the lab is up; not on the terminal."),
    ] = False,
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Capture what passes a link, until Ctrl-C or the end of the lab.

    On a terminal it prints a line for each packet. Otherwise standard output is a pcapng stream with the keys of the
    TLS connections, so that what reads it shows SIP. It needs a connection's beginning for that: use --from-start for
    connections that are there already.

    \b
      lab tap access                                    a line per packet
      lab tap access --from-start | tshark -r - -Y sip  what tshark makes of it
      lab tap access --from-start | wireshark -k -i -   a window
      lab tap access -w access.pcapng                   a file

    Exit status: 0 it has ended; 2 no such link or lab.
    """  # noqa: D301  (`\\b` is click's: no line of what follows is wrapped)
    from lab.cli.tap import tap

    raise typer.Exit(tap(link, write=write, from_start=from_start, name=lab))
