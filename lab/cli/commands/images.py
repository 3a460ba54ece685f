"""``lab images``: its options and its help."""

from __future__ import annotations

from typing import Annotated

import typer

from lab.cli.app import app

images_app = typer.Typer(
    help="The container images. `lab images build` makes what is missing: a minute or two the first time, seconds after"
    " a change of the sources, nothing otherwise. Each tag carries a digest of what is in it, so that an image older"
    " than the sources is never used.",
    no_args_is_help=True,
)
app.add_typer(images_app, name="images")


@images_app.command("build")
def images_build_command(
    *,
    kinds: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND", help="client, server, kamailio, middlebox, lab [default: all].", show_default=False
        ),
    ] = [],  # noqa: B006  (typer copies it)
) -> None:
    """Build the images that are missing.

    client: the real pjsip. server: the scripted SIP server. kamailio: Debian's, with the server's part of the lab.
    middlebox: Linux as a NAT, with nft, conntrack and ip. lab: the whole lab, virtual time inside. All run as an
    ordinary user and need no writable root file system.

    Needs Docker (root, or the group `docker`), a Python package index and Debian's mirrors the first time, and an image
    debian:bookworm-slim: `scripts/base-image` pulls it, or makes it where there is no registry.
    """
    from lab.cli import images

    images.build(kinds)


@images_app.command("list")
def images_list_command() -> None:
    """List the lab's images; `*` marks those that are used."""
    from lab.cli import images

    images.show()


@images_app.command("prune", short_help="Remove images that older sources made.")
def images_prune_command(
    *, all_of_them: Annotated[bool, typer.Option("--all", help="Remove those that are used, too.")] = False
) -> None:
    """Remove images that older sources made, unless a container uses them."""
    from lab.cli import images

    images.prune(all_of_them=all_of_them)
