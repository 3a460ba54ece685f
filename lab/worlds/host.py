"""The host's own kernel as a world: real time, in namespaces of its own, as root or as an ordinary user."""

from __future__ import annotations

import os
import sys

CREW = "lab.runner.crew:main"
CONTAINER_CREW = "lab.runner.container_crew:main"
RUN = "LAB_RUN"
"""Environment variable of a world with containers: the run's name in the ledger, which is their label."""


def argv(entry: str = CREW) -> list[str]:
    """The command line of a world process started by this process."""
    return [sys.executable, "-m", "lab.worlds.enclosure", str(os.getpid()), entry]


def argv_with_containers() -> list[str]:
    """The same of a world whose nodes are containers."""
    return [*argv()[:-1], CONTAINER_CREW, "outside"]


def environment() -> dict[str, str]:
    """Its environment: what Python and the system's tools need, nothing that changes what cells do."""
    path = os.environ.get("PATH", "") + os.pathsep + os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}


def environment_with_containers(run: str) -> dict[str, str]:
    """The same for a world whose nodes are containers: also the daemon's address, and the run's name in the ledger."""
    address = {"DOCKER_HOST": os.environ["DOCKER_HOST"]} if "DOCKER_HOST" in os.environ else {}
    return {**environment(), **address, RUN: run}
