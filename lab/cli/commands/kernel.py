"""``lab kernel``: its options and its help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lab.cli.app import app

kernel_app = typer.Typer(
    help="The guest kernel of virtual time: build it once, lab run finds it.", no_args_is_help=True
)
app.add_typer(kernel_app, name="kernel", short_help="The guest kernel of virtual time.")


@kernel_app.command("build", short_help="Build the kernel unless it is there.")
def kernel_build_command(
    *,
    source: Annotated[
        Path | None,
        typer.Option(help="A kernel source tarball or unpacked tree instead of Debian's.", show_default=False),
    ] = None,
) -> None:
    """Build the virtual-time kernel unless it is there; takes two or three minutes on two processors."""
    from lab.cli import kernel

    kernel.build(source)


@kernel_app.command("list")
def kernel_list_command() -> None:
    """List the kernels in the cache; `*` marks the one that is used."""
    from lab.cli import kernel

    kernel.show()


@kernel_app.command("prune")
def kernel_prune_command() -> None:
    """Remove all kernels but the one that is used."""
    from lab.cli import kernel

    kernel.prune()
