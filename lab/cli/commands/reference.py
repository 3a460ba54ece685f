"""``lab reference``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app


@app.command("reference", short_help="Print what a scenario can say.")
def reference_command(
    *,
    names: Annotated[
        list[str], typer.Argument(metavar="NAME", help="Faults, mitigations, strategies, keys; all, if none is given.")
    ] = [],  # noqa: B006  (typer copies it)
    record: Annotated[
        bool, typer.Option("--record", help="Print what a record consists of instead: every event and its fields.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Print the JSON Schema of report.json instead.")] = False,
    json_schema: Annotated[
        bool,
        typer.Option(
            "--json-schema", help="Print the JSON schema instead: of scenario files, for editors; of records' lines."
        ),
    ] = False,
) -> None:
    """Print what a scenario can say: every key, fault, mitigation and strategy, with defaults and sources (Markdown).

    Exit status 0; 2 if there is no such thing.
    """
    from lab.cli.reference import print_reference

    raise typer.Exit(print_reference(names, json_schema=json_schema, record=record, report=report))
