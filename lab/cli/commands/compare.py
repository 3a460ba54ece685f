"""``lab compare``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app

_FILE = "FILE"


@app.command("compare", short_help="Compare two runs, and fail if the second is worse.")
def compare_command(
    *,
    a: Annotated[Path, typer.Argument(metavar="A", help="Before: a run folder or a report.json.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Now: likewise; it may be the same run.")] = Path(
        "runs/latest"
    ),
    mapped: Annotated[
        list[str],
        typer.Option(
            "--map",
            metavar="AXIS=OLD:NEW",
            help="Compare label OLD of A with label NEW of B, as in pjsip=2.10:2.15.1, and no other label of that axis;"
            " repeatable.",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    tolerance: Annotated[
        str, typer.Option(metavar="SHARE", help="A cost that changes by no more than this is the same.")
    ] = "5%",
    tolerance_s: Annotated[
        str, typer.Option(metavar="TIME", help="An outage that changes by no more than this is the same.")
    ] = "1s",
    fail_on: Annotated[
        str,
        typer.Option(
            metavar="KIND,…",
            help="Exit with 1 on changes of these kinds: verdict, cause, outage, cost, gone, new, inconclusive; or"
            " nothing.",
        ),
    ] = "verdict,outage,gone,inconclusive",
    json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON on standard output.")] = False,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar=_FILE, help="Write it for a pull request, at most 60 kB; - is standard output."),
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar=_FILE, help="Write it as one page; - is standard output.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(metavar=_FILE, help="Write it as JUnit XML; - as above.")] = None,
) -> None:
    """Compare two runs cell by cell: verdicts, causes, outages, costs. Says which cells are new or gone.

    Cells are matched by the labels of their axes. If A was run with several seeds (`lab run --seeds 5`), a difference
    within what these differ by is noise, `~`, and none. docs/compare.md shows how to gate a release with it.

    Exit status: 0 B is not worse; 1 it is (--fail-on); 2 A or B is no run, or they have no cell in
    common; 3 a file cannot be written.
    """
    from lab.cli.compare import compare_runs

    wanted = {"markdown": markdown, "html": html, "junit": junit}
    if json:
        wanted["json"] = Path("-")
    files = {name: path for name, path in wanted.items() if path is not None}
    if sum(str(path) == "-" for path in files.values()) > 1:
        raise typer.BadParameter("only one of these can be standard output", param_hint="--json, --markdown, …")
    status = compare_runs(
        a, b, mapped=mapped, tolerance=tolerance, tolerance_s=tolerance_s, fail_on=fail_on, files=files
    )
    raise typer.Exit(status)
