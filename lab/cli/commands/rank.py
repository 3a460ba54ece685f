"""``lab rank``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.cli.app import app
from lab.cli.options import Engine, Out, Scheduler, engine_choice
from lab.fleet.choose import EngineKind


@app.command("rank", short_help="Find the cheapest strategy that keeps a population of clients reachable.")
def rank_command(
    *,
    what: Annotated[
        Path,
        typer.Argument(
            metavar="FILE|RUN",
            help="A scenario file, the name of a scenario that comes with the lab, or the folder of a run, of which"
            " nothing runs again.",
            show_default=False,
            autocompletion=completion.scenario,
        ),
    ],
    strategy: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="Rank these strategies, of the catalog or of the scenario, in place of the scenario's; repeatable.",
            autocompletion=completion.strategy,
        ),
    ] = [],  # noqa: B006  (typer copies it)
    population: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|SHARES",
            help="The middleboxes that your clients are behind, as in home-typical=55%,cgn=45% [default: the scenario's"
            " `population`; else the middleboxes of its matrix, or all sourced profiles, with equal shares].",
            show_default=False,
        ),
    ] = None,
    at_most: Annotated[
        list[str],
        typer.Option(
            metavar="WHAT=LIMIT",
            help="What a client may cost, behind any middlebox: wakeups=60/h, packets=300/h, bytes=50kB/h; and how late"
            " each call may ring: ring=5s; repeatable.",
        ),
    ] = [],  # noqa: B006  (typer copies it)
    outage: Annotated[
        str, typer.Option(metavar="TIME", help="The longest time out of reach, as in 10s.", show_default=False)
    ] = "",
    reach: Annotated[
        str,
        typer.Option(
            metavar="SHARE",
            help="The least share of the population, as in 97%; then the cheapest that reaches it is recommended.",
            show_default=False,
        ),
    ] = "",
    out: Out = Path("runs"),
    engine: Engine = EngineKind.LOCAL,
    scheduler: Scheduler = None,
    json: Annotated[bool, typer.Option("--json", help="Print rank.json on standard output.")] = False,
) -> None:
    """Find the cheapest strategy that keeps a population of clients reachable.

    A client is reached if its strategy passes every failure of the scenario behind its middlebox. The strategies that
    no other one beats in reach, worst outage, wake-ups and bytes are the front. One strategy is recommended, of those
    that keep all the limits you give: without --reach the one that reaches most, with it the cheapest. docs/rank.md has
    the formulae.

    Exit status: 0 there is a recommendation; 1 no strategy keeps all limits; 2 the scenario or an option is wrong; 3
    this machine cannot do it; 4 the lab failed; 5 something was left behind; 130 interrupted.
    """
    from lab.cli.rank import Asked, rank

    asked = Asked(strategies=tuple(strategy), population=population, at_most=tuple(at_most), outage=outage, reach=reach)
    raise typer.Exit(rank(what, asked, out=out, json=json, engine=engine_choice(engine, scheduler)))
