"""Defines the command ``lab``, the group to which each module of ``lab.cli.commands`` adds its command."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from lab import __version__

_NOT_ONE_OF = re.compile(r"'(?P<word>[^']*)' is not one of (?P<words>'.*')\.?$")
"""How typer refuses a value of an option that takes a fixed set of words."""


COMMANDS = (
    "init",
    "validate",
    "import",
    "run",
    "why",
    "curve",
    "rank",
    "tune",
    "compare",
    "explore",
    "report",
    "merge",
    "bundle",
    "fidelity",
    "list",
    "show",
    "reference",
    "up",
    "shell",
    "exec",
    "tap",
    "inject",
    "probe-client",
    "status",
    "down",
    "middlebox",
    "probe",
    "actor",
    "doctor",
    "kernel",
    "images",
    "cache",
    "worker",
    "clean",
)
"""The commands as ``lab --help`` has them; each is a module of ``lab.cli.commands``."""


class CommandGroup(TyperGroup):
    """Answers a mistyped value of an option with the nearest word, as typer does for commands and names of options."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  (typer's)
        """Return the commands in their order."""
        return sorted(self.commands, key=COMMANDS.index)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if match := _NOT_ONE_OF.search(error.message):
                from lab.loader.conversion import choice

                words = re.findall(r"'([^']*)'", match["words"])
                error.message = f"unknown word `{match['word']}`; {choice(match['word'], words)}"
            raise


app = typer.Typer(
    name="lab",
    cls=CommandGroup,
    help="Run a real pjsip client behind an emulated NAT, let it fall silent, and see which keep-alive strategy keeps"
    " it reachable, what it costs, and why the others fail. Begin with `lab init`.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _lab(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False
) -> None:
    if version:
        typer.echo(f"lab {__version__}")
        raise typer.Exit
