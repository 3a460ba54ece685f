"""Options and arguments that several commands have; light, because ``lab --help`` reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli import completion
from lab.report.verbosity import Verbosity

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


def verbosity(*, quiet: bool, verbose: bool) -> Verbosity:
    """Return how much to print.

    Raises:
        typer.BadParameter: both were given.
    """
    if quiet and verbose:
        raise typer.BadParameter("choose one of the two", param_hint="--quiet, --verbose")
    return Verbosity.QUIET if quiet else Verbosity.VERBOSE if verbose else Verbosity.NORMAL
