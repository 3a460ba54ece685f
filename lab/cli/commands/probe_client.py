"""``lab probe-client``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.choices import ProbeChoice
from lab.cli.options import DEFAULT_LIVE_LAB, LiveLab


@app.command("probe-client", short_help="Have the server of a lab that is up reach for the client.")
def probe_client_command(
    *,
    kind: Annotated[ProbeChoice, typer.Argument(metavar="notify|message|options|invite", show_default=False)],
    within: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Time for the client to answer.")] = 5.0,
    hold: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="Length of the call an INVITE makes.")] = 1.0,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output as JSON.")] = False,
    lab: LiveLab = DEFAULT_LIVE_LAB,
) -> None:
    """Send the client a request, as the probes of a scenario do; say whether it arrived, and how late.

    notify goes within the newest subscription. The others go outside any dialog: to all bindings if the client
    registers, else to the newest subscriber.

    Exit status: 0 the client accepts; 1 it does not, or is not reached; 2 no lab of that name is up.
    """
    from lab.cli.inject import probe_client

    raise typer.Exit(probe_client(kind.value, within=within, hold=hold, json=json, name=lab))
