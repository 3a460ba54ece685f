"""``lab fidelity``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.choices import DEFAULT_SERVER, PlaceChoice, ServerChoice
from lab.cli.options import Files, Memory, Only, Out
from lab.worlds.clock import GUEST_MEMORY_MB


@app.command("fidelity", short_help="Run the same cells in several ways and print what differs.")
def fidelity_command(
    *,
    files: Files,
    out: Out = Path("runs"),
    only: Only = [],  # noqa: B006  (typer copies it)
    within: Annotated[float, typer.Option(metavar="SECONDS", min=0.0, help="How far apart an event may lie.")] = 0.5,
    memory: Memory = GUEST_MEMORY_MB,
    places: Annotated[
        list[PlaceChoice], typer.Option("--in", help="Where to run them; repeatable [default: real and virtual].")
    ] = [],  # noqa: B006  (typer copies it)
    servers: Annotated[
        list[ServerChoice],
        typer.Option(
            "--server", help="The SIP server, where the scenario does not say; repeatable [default: scripted]."
        ),
    ] = [],  # noqa: B006  (typer copies it)
) -> None:
    """Run the same cells in several ways and print what differs: verdicts, causes, times of events.

    Namespaces in real time, containers, and a guest in virtual time, each with the lab's own SIP server or with
    Kamailio: `lab fidelity FILE --in real --in docker --in virtual --server scripted --server kamailio`.

    Exit status 0 if they agree, 1 if not.
    """
    from lab.cli.fidelity import compare_files
    from lab.fidelity.compare import Place

    where = [Place(choice.value) for choice in dict.fromkeys(places)] or [Place.REAL, Place.VIRTUAL]
    by = [choice.value for choice in dict.fromkeys(servers)] or [DEFAULT_SERVER.value]
    if len(where) * len(by) == 1:
        raise typer.BadParameter(
            f"{where[0].value} with {by[0]} alone is nothing to compare; add a second one", param_hint="--in, --server"
        )
    raise typer.Exit(
        compare_files(files, out=out, only=tuple(only), within=within, memory_mb=memory, places=where, servers=by)
    )
