"""``lab import``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.choices import ClockChoice
from lab.cli.options import Out


@app.command("import", short_help="Make a scenario of a capture or a log of a failure.")
def import_command(
    *,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE", help="Captures and logs of one failure, of one side or several.", show_default=False
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The scenario; further explanations are written beside it."
        ),
    ] = Path("imported.yaml"),
    keys: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="TLS secrets, as SSLKEYLOGFILE has them [default: those in a pcapng].",
        ),
    ] = None,
    account: Annotated[
        int, typer.Option(metavar="N", min=1, help="Of several accounts: the N-th by number of messages.")
    ] = 1,
    run: Annotated[
        bool,
        typer.Option(
            "--run",
            help="Run the scenarios, say whether the lab shows the same, and which strategies would have helped.",
        ),
    ] = False,
    out: Out = Path("runs"),
    clock: Annotated[ClockChoice, typer.Option(help="With --run: as of `lab run`.")] = ClockChoice.AUTO,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output.")] = False,
) -> None:
    """Read captures and logs of one failure, say what they show, and write a scenario that shows the same.

    Nothing personal goes into the scenario: no name, number, address, realm or token. docs/import.md tells what is
    read, and how.

    Exit status: 0 it was done, and with --run the lab shows the same; 1 with --run it does not; 2 a file cannot be
    read, or has no SIP; 3 this machine cannot run it; 4 the lab failed; 130 interrupted.
    """
    from lab.cli.import_files import Options, import_and_show

    options = Options(output=output, keys=keys, account=account, run=run, out=out, clock=clock.value, json=json)
    raise typer.Exit(import_and_show(files, options))
