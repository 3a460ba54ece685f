"""Runs cells on the host's own kernel: real time, in new namespaces, as root or as an ordinary user."""

from __future__ import annotations

import os

from lab.interpreter import module_command, program_folders

CELL_WORKER = "lab.runner.cell_worker:main"
CONTAINER_CELL_WORKER = "lab.runner.container_cell_worker:main"
RUN = "LAB_RUN"
"""Environment variable of a world with containers: the run's name in the ledger, which is their label."""


def argv(entry: str = CELL_WORKER) -> list[str]:
    """Return the command line of a world process started by this process."""
    return module_command("lab.worlds.private_namespaces", str(os.getpid()), entry)


def argv_with_containers() -> list[str]:
    """Return the command line of a world whose nodes are containers."""
    return [*argv()[:-1], CONTAINER_CELL_WORKER, "outside"]


def environment() -> dict[str, str]:
    """Return the environment of a world: for Python and system tools; nothing that changes what cells do."""
    folders = (*program_folders(), "/usr/local/sbin", "/usr/sbin", "/sbin")
    path, home = os.pathsep.join(folders), os.environ.get("HOME", "/")
    return {"PATH": path, "HOME": home, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}  # an author's client has it, too


def environment_with_containers(run: str) -> dict[str, str]:
    """Return the environment of a world with containers: also the daemon's address and the run's name."""
    address = {"DOCKER_HOST": os.environ["DOCKER_HOST"]} if "DOCKER_HOST" in os.environ else {}
    return {**environment(), **address, RUN: run}


def namespaces_fix() -> str:
    """Say what allows namespaces to this user."""
    if os.geteuid() == 0:
        return "run the lab outside of this container or chroot, or give it CAP_SYS_ADMIN (`docker run --privileged`)"
    return (
        "run as root, or allow user namespaces: `sysctl -w user.max_user_namespaces=10000` and, where they exist,"
        " `kernel.unprivileged_userns_clone=1` and `kernel.apparmor_restrict_unprivileged_userns=0`"
    )
