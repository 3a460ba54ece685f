"""``lab merge``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.options import AsList, Out


@app.command("merge", short_help="Make one run of the parts that `lab run --shard` has run.")
def merge_command(
    *,
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Run folders of `lab run --shard N/OF`.", show_default=False),
    ],
    out: Out = Path("runs"),
    json: Annotated[bool, typer.Option("--json", help="Print report.json on standard output.")] = False,
    as_list: AsList = False,
) -> None:
    """Make one run folder of several shards, write its reports, and print its table, as `lab run` does.

    The shards must be of the same scenario, with the same choices, clock and versions. Missing cells are said.

    Exit status: as of `lab run`; 130 if a shard is missing or was interrupted; 2 if the runs do not belong together.
    """
    from lab.cli.merge import merge_runs

    raise typer.Exit(merge_runs(runs, out=out, json=json, as_list=as_list))
