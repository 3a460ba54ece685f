"""``lab middlebox``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.choices import ClockChoice
from lab.worlds.clock import GUEST_MEMORY_MB

middlebox_app = typer.Typer(
    help="The catalog of middleboxes: what they are said to do, and whether they do it here.", no_args_is_help=True
)
app.add_typer(middlebox_app, name="middlebox", short_help="NATs and firewalls by name: list and test them.")


@middlebox_app.command("list")
def middlebox_list_command(
    *,
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME", help="Profiles to show whole.", show_default=False, autocompletion=completion.middlebox
        ),
    ] = [],  # noqa: B006  (typer copies it)
    json: Annotated[bool, typer.Option("--json", help="Print all values on standard output.")] = False,
) -> None:
    """List the profiles that a scenario can name, or show some of them, as `lab list` and `lab show` do."""
    if names and not json:
        from lab.cli.show import show

        raise typer.Exit(show(names, only="middleboxes"))
    from lab.cli.list import print_list

    raise typer.Exit(print_list("middleboxes", json=json, names=names))


@middlebox_app.command("test", short_help="Measure profiles in the lab and compare with what they say.")
def middlebox_test_command(
    *,
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME", help="Profiles.", show_default=False, autocompletion=completion.middlebox),
    ] = [],  # noqa: B006  (typer copies it)
    all_of_them: Annotated[bool, typer.Option("--all", help="All profiles.")] = False,
    against: Annotated[
        str, typer.Option(metavar="NAME", help="Compare with what this profile says instead.", show_default=False)
    ] = "",
    outside: Annotated[
        bool,
        typer.Option("--outside", help="Measure with the two programs of `lab probe`, as one would in the field."),
    ] = False,
    clock: Annotated[
        ClockChoice,
        typer.Option(
            help="virtual: any timer, in seconds; real: timers up to a minute; auto: virtual where it can be had."
        ),
    ] = ClockChoice.AUTO,
    json: Annotated[bool, typer.Option("--json", help="Print the result on standard output.")] = False,
    memory: Annotated[
        int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")
    ] = GUEST_MEMORY_MB,
) -> None:
    """Measure what profiles do in the lab, from both sides, and compare with what they say.

    Exit status: 0 all agree; 1 some do not; 2 no such profile; 3 this machine cannot do it; 4 the lab failed.
    """
    from lab.cli.middlebox import test_middleboxes

    raise typer.Exit(
        test_middleboxes(
            names,
            all_of_them=all_of_them,
            against=against,
            outside=outside,
            clock=clock.value,
            json=json,
            memory_mb=memory,
        )
    )
