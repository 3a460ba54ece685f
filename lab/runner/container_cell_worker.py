"""Runs cells in a world whose nodes are containers (see ``lab.runner.cell_worker``)."""

from __future__ import annotations

import os
from functools import partial

from lab.backends import images
from lab.backends.docker import DockerBackend
from lab.runner import cell_worker
from lab.worlds import host


def main(outside: int) -> None:
    """Serve requests until the input ends; ``outside`` is a descriptor of a /proc that shows the daemon's processes."""
    import docker  # noqa: F401  (half a second, once for all cells)

    names = {kind: images.tag(kind) for kind in (*images.NODES, *images.PHONES)}
    cell_worker.main(partial(DockerBackend, run=os.environ[host.RUN], images=names, outside=outside))
