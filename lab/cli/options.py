"""Options and arguments that several commands have; light, because ``lab --help`` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.backends.base import BackendKind
from lab.cli import completion
from lab.cli.choices import ClockChoice
from lab.fleet.choose import SCHEDULER, EngineChoice, EngineKind
from lab.report.verbosity import Verbosity
from lab.visible_text import visible

NETNS = BackendKind.NETNS.value

Files = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE",
        help="Scenario files, or names of scenarios that come with the lab.",
        show_default=False,
        autocompletion=completion.scenario,
    ),
]
File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A scenario file, or the name of a scenario that comes with the lab.",
        show_default=False,
        autocompletion=completion.scenario,
    ),
]
Out = Annotated[Path, typer.Option(metavar="DIR", help="Where run folders go.")]
Only = Annotated[
    list[str],
    typer.Option(
        metavar="AXIS=VALUE",
        help="Take only these cells, as in strategy=none; repeatable.",
        autocompletion=completion.axis_value,
    ),
]
Memory = Annotated[int, typer.Option(metavar="MiB", min=128, help="Memory of a virtual-time guest.")]
AsList = Annotated[
    bool, typer.Option("--list", help="End with a row per cell, not with a matrix, where there are several axes.")
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print only what is wrong: errors, broken claims, doubtful cells.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "--verbose", "-v", help="Print a line for each cell when it ends, and explain each that did not pass."
    ),
]
LiveLab = Annotated[
    str,
    typer.Option("--lab", metavar="NAME", help="Which of the labs that are up.", autocompletion=completion.live_lab),
]
DEFAULT_LIVE_LAB = "default"
"""``lab.live_lab.registry.DEFAULT``, without its imports."""

Engine = Annotated[
    EngineKind,
    typer.Option(help="Where cells run. local: here; dask: on Dask's workers, on other machines too (docs/scale.md)."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        show_default=False,
        help="The Dask scheduler whose workers run the cells, as in tcp://host:8786 [default: --engine dask starts one"
        " for this machine, with workers].",
    ),
]
Captures = Annotated[
    bool, typer.Option("--captures", help="With --engine dask: bring captures back, too; they are most of the bytes.")
]


def engine_choice(
    engine: EngineKind, scheduler: str | None, *, captures: bool = False, clock: str = "auto", backend: str = NETNS
) -> EngineChoice:
    """Return where cells are to run.

    Args:
        engine: the value of ``--engine``.
        scheduler: of ``--scheduler``.
        captures: of ``--captures``.
        clock: of ``--clock``.
        backend: of ``--backend``.

    Raises:
        typer.BadParameter: an option would do nothing, or cannot be had.
    """
    if engine is EngineKind.LOCAL:
        if scheduler is not None:
            raise typer.BadParameter("give --engine dask as well", param_hint="--scheduler")
        if captures:
            raise typer.BadParameter("cells that run here always have captures; leave it out", param_hint="--captures")
    elif clock == ClockChoice.REAL.value or backend != NETNS:
        advice = "leave out --clock real and --backend docker"
        raise typer.BadParameter(f"Dask's workers run cells in virtual time; {advice}", param_hint="--engine")
    if scheduler is not None:
        check_scheduler(scheduler, hint="--scheduler")
    return EngineChoice(engine, scheduler, captures)


def check_scheduler(address: str, *, hint: str) -> None:
    """Check the address of a scheduler.

    Args:
        address: as it was given.
        hint: the option or argument.

    Raises:
        typer.BadParameter: it is none.
    """
    if not SCHEDULER.fullmatch(address):
        got = visible(address, most=80)
        raise typer.BadParameter(f"expected tcp://HOST:PORT or tls://HOST:PORT, got {got}", param_hint=hint)


def verbosity(*, quiet: bool, verbose: bool) -> Verbosity:
    """Return how much to print.

    Raises:
        typer.BadParameter: both were given.
    """
    if quiet and verbose:
        raise typer.BadParameter("choose one of the two", param_hint="--quiet, --verbose")
    return Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
