"""``lab report``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app
from lab.cli.options import AsList


@app.command("report", short_help="Judge a finished run again and write its reports anew.")
def report_command(
    *,
    run: Annotated[Path, typer.Option(metavar="DIR", help="The run's folder.")] = Path("runs/latest"),
    json: Annotated[bool, typer.Option("--json", help="Print the report on standard output.")] = False,
    as_list: AsList = False,
) -> None:
    """Judge the records of a finished run again and write its reports anew: HTML, Markdown, JUnit, JSON, CSV.

    Exit status 0; 2 if there is no such run.
    """
    from lab.cli.report import report_again

    raise typer.Exit(report_again(run, json=json, as_list=as_list))
