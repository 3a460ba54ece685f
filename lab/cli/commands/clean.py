"""``lab clean``: its options and its help."""

from __future__ import annotations

from lab.cli.app import app


@app.command("clean", short_help="Undo what killed runs have left.")
def clean_command() -> None:
    """Undo what killed runs have left on this machine; touches only what their ledgers name."""
    from lab.cli.clean import clean

    clean()
