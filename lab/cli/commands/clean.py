"""``lab clean``: its options and its help."""

from __future__ import annotations

import typer

from lab.cli.app import app


@app.command("clean", short_help="Undo what killed runs have left.")
def clean_command() -> None:
    """Undo what killed runs have left on this machine; touches only what their ledgers name."""
    from lab import ledger
    from lab.backends import daemon

    undone = ledger.clean(daemon.remove_containers)
    for sentence in undone:
        typer.echo(sentence)
    if not undone:
        typer.echo("nothing to clean")
