"""``lab cache``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app

cache_app = typer.Typer(
    help="Records of cells that ran in virtual time, so that `lab run` need not run them again (docs/cache.md).",
    invoke_without_command=True,
)
app.add_typer(cache_app, name="cache", short_help="Records of cells that need not run again.")


@cache_app.callback()
def _show(
    context: typer.Context,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print all of it as JSON.")] = False,
) -> None:
    """Show where the cache is, and what is in it, by the sources of the lab that the entries depend on."""
    if context.invoked_subcommand is None:
        from lab.cli.cache import show

        show(json=json)


@cache_app.command("prune", short_help="Remove entries.")
def cache_prune_command(
    *,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than", metavar="TIME", help="Those not used for so long, such as 7d.", show_default=False
        ),
    ] = "",
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="SIZE", help="The least recently used, until so much is left, as 1GB.", show_default=False
        ),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Remove entries that no run of today's lab can use: those of other sources. With options: others, too.

    Each run keeps the cache below 2 GB by itself, and removes the least recently used entries first.
    """
    from lab.cli.cache import prune

    prune(older_than=older_than, to=to, everything=everything)
