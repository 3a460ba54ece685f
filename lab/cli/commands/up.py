"""``lab up``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import DEFAULT_LIVE_LAB, Only


@app.command("up", short_help="Bring a lab up to look around in: shell, tap, faults and probes by hand.")
def up_command(
    *,
    target: Annotated[
        str,
        typer.Argument(
            metavar="SCENARIO|TOPOLOGY",
            help="A scenario file, the name of a scenario that comes with the lab, or of a topology"
            " (`lab list topologies`).",
            show_default=False,
            autocompletion=completion.scenario_or_topology,
        ),
    ],
    lab: Annotated[str, typer.Option("--lab", metavar="NAME", help="A name, for several labs side by side.")] = (
        DEFAULT_LIVE_LAB
    ),
    only: Only = [],  # noqa: B006  (typer copies it)
    middlebox: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of a topology: its NATs, from the catalogue [default: silent-60s].",
            show_default=False,
            autocompletion=completion.middlebox,
        ),
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Of a topology: what keeps the client reachable [default: none].",
            show_default=False,
            autocompletion=completion.strategy,
        ),
    ] = None,
) -> None:
    """Bring network, server and client up, in real time, and leave them up; root is not needed.

    The client sets its account up and falls silent. Nothing else happens by itself: the scenario's faults and probes
    are left to you. Of a scenario with several cells the first is brought up; --only chooses another.

    \b
      lab up home-nat                          a phone behind a NAT that forgets after 60 s
      lab status                               mappings with their ages, flows, bindings, timers
      lab exec client -- ss -tnp               run a command in a node; `lab shell client` is a shell there
      lab tap access | tshark -r -             what passes a link, decrypted (wireshark -k -i - opens a window)
      lab inject reboot node=home-nat          do a fault, with the keys that it has in scenarios
      lab probe-client invite                  does the phone ring, and how late
      lab down                                 remove everything

    Exit status: 0 it is up; 2 an error in the scenario or the options; 3 this machine cannot do it; 4 the lab failed.
    """  # noqa: D301  (`\\b` is click's: no line of what follows is wrapped)
    from lab.cli.up import up

    raise typer.Exit(up(target, name=lab, only=tuple(only), middlebox=middlebox, strategy=strategy))
