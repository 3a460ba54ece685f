"""Lists the container images that the nodes of cells need: kinds (``lab.backends.images``), or the author's own."""

from __future__ import annotations

from collections.abc import Iterable

from lab.backends.images import MIDDLEBOX
from lab.clients.catalog import client_of
from lab.model.scenario import Cell
from lab.servers.catalog import server_of


def of_all(cells: Iterable[Cell]) -> set[str]:
    """Return what has to be there before any of these cells can run; nodes without an actor are a ``MIDDLEBOX``."""
    return {image for cell in cells for image in (client_of(cell).image(cell), server_of(cell).image, MIDDLEBOX)}
