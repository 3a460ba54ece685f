"""``lab init``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.choices import AccountChoice, TransportChoice


@app.command("init", short_help="Write a scenario to begin with, from the answers to a few questions.")
def init_command(
    *,
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Of the file, NAME.yaml.", show_default=False)] = "",
    transport: Annotated[
        TransportChoice | None, typer.Option(help="The client's SIP transport.", show_default=False)
    ] = None,
    account: Annotated[
        AccountChoice | None, typer.Option(help="What the client sets up before it falls silent.", show_default=False)
    ] = None,
    middlebox: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What the NAT does: `lab list middleboxes`.",
            show_default=False,
            autocompletion=completion.middlebox,
        ),
    ] = "",
    failure: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="What goes wrong: `lab list failures`.",
            show_default=False,
            autocompletion=completion.failure,
        ),
    ] = "",
    strategies: Annotated[
        list[str],
        typer.Option(
            "--strategy",
            metavar="NAME",
            help="A strategy to compare with `none`; repeatable: `lab list strategies`.",
            autocompletion=completion.strategy,
        ),
    ] = [],  # noqa: B006  (typer copies it)
) -> None:
    """Write a scenario to begin with, with a comment for every key; it loads and runs as it is.

    On a terminal it asks what no option has answered; elsewhere it takes what is usual: TLS, a subscription, the NAT
    silent-60s, nothing but silence. A file that is there is never overwritten.

    Exit status 0; 2 if a name is wrong, things do not fit together, or the file is there.
    """
    from lab.cli.init import Given, init

    given = Given(
        transport=transport and transport.value,
        account=account and account.value,
        middlebox=middlebox,
        failure=failure,
        strategies=tuple(strategies),
    )
    raise typer.Exit(init(name, given))
