"""``lab probe``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app

probe_app = typer.Typer(
    help="Measure a real NAT: `measure` behind it, `serve` on a host outside.", no_args_is_help=True
)
app.add_typer(probe_app, name="probe", short_help="Measure a real NAT, and get its profile.")


@probe_app.command("serve", short_help="Run the helper outside the NAT.")
def probe_serve_command(
    *,
    address: Annotated[str, typer.Option(metavar="ADDRESS", help="Address to listen at.")] = "0.0.0.0",  # noqa: S104  (clients of the open come)
    second_address: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS[=PUBLIC]",
            help="Another address of this host, to tell all kinds of mapping and filtering apart; PUBLIC if others"
            " reach it by another one.",
            show_default=False,
        ),
    ] = "",
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=65534, show_default=False, help="UDP and TCP, and UDP the next [default: 4787]."
        ),
    ] = None,
    sip: Annotated[
        bool, typer.Option("--sip/--no-sip", help="Whether port 5060 is used to look for a SIP ALG.")
    ] = True,
    rate: Annotated[float, typer.Option(metavar="N", min=1, help="Datagrams a second to one client at most.")] = 100.0,
    longest: Annotated[str, typer.Option(metavar="TIME", help="How long a flow may be idle.")] = "10d",
    program: Annotated[
        bool, typer.Option("--print", help="Print the program, one file for any Python from 3.10 on, and end.")
    ] = False,
) -> None:
    """Run the helper outside the NAT, until Ctrl-C.

    The variable LAB_PROBE_SECRET holds the secret of both sides; without it one is made and printed. As root it also
    sees TCP segments that come from a new port. `lab probe serve --print > responder.py` copies it to a host that has
    nothing but Python.

    Exit status: 2 an option is wrong; 3 it cannot listen; 130 interrupted.
    """
    from lab.cli.probe import Serving, serve

    told = Serving(
        address=address, second_address=second_address, port=port, sip=sip, rate=rate, longest=longest, program=program
    )
    raise typer.Exit(serve(told))


@probe_app.command("measure", short_help="Measure the NAT in front of this host.")
def probe_measure_command(
    *,
    host: Annotated[
        str, typer.Argument(metavar="HOST", help="Where `lab probe serve` runs, outside.", show_default=False)
    ],
    port: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=65534, show_default=False, help="Its port [default: 4787; with --stun 3478]."
        ),
    ] = None,
    stun: Annotated[
        bool,
        typer.Option(
            "--stun",
            help="HOST is any STUN server with two addresses (RFC 5780), such as coturn: find mapping, filtering, ports"
            " and hairpinning only.",
        ),
    ] = False,
    longest: Annotated[str, typer.Option(metavar="TIME", help="How long a flow is left idle at most.")] = "7500s",
    flows: Annotated[
        int, typer.Option(metavar="N", min=1, max=200, help="Flows that each of four searches leaves idle at a time.")
    ] = 24,
    resolution: Annotated[str, typer.Option(metavar="TIME", help="How closely timers are enclosed.")] = "1s",
    state: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="What was found so far [default: lab-probe-HOST.json]."),
    ] = None,
    name: Annotated[str, typer.Option(metavar="NAME", help="Name of the profile.")] = "measured",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", show_default=False, help="Write the profile here [default: print]."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings on standard output.")] = False,
) -> None:
    """Measure the NAT in front of this host, and make a profile of it for a scenario or the catalog.

    The variable LAB_PROBE_SECRET holds the secret of `lab probe serve`. Answers come as they are found; a
    TCP timer of two hours takes half a day. Ctrl-C interrupts; the same command goes on with what is known.

    Exit status: 0 done; 2 an option or the state file is wrong; 3 HOST or this machine cannot do it; 130 interrupted.
    """
    from lab.cli.probe import Measuring, measure

    told = Measuring(
        host=host, port=port, stun=stun, longest=longest, flows=flows, resolution=resolution, state=state, name=name,
        out=out, json=json,
    )  # fmt: skip
    raise typer.Exit(measure(told))
