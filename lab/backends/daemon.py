"""The Docker daemon of this machine: reaching it, and removing what a run has left with it.

The lab enters the network namespaces of its containers, so it has to be the daemon of this very machine, and root.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import HostNotCapable, LabFault

if TYPE_CHECKING:
    from docker import APIClient

RUN, CELL, NODE = "lab.run", "lab.cell", "lab.node"
"""Labels of every container: the run's name in the ledger, the cell's, the node's."""

ANSWERS_WITHIN_S = 120
"""Of one request: starting a container takes half a second, on a machine that starts thirty of them much longer."""

_SOCKET = "unix:///var/run/docker.sock"
_ALL_USERS = "0 0 4294967295"  # user_namespaces(7): the uid_map of the initial user namespace
_CONFLICT = 409


def connect() -> APIClient:
    """A connection to the daemon.

    Raises:
        HostNotCapable: there is none, or it is another machine's.
    """
    import docker
    from docker.errors import DockerException

    address = os.environ.get("DOCKER_HOST") or _SOCKET
    if not address.startswith("unix://"):
        raise HostNotCapable(
            f"DOCKER_HOST is {address}, and containers of another machine cannot be wired from here",
            fix="unset DOCKER_HOST, or name a socket of this machine (unix://…)",
        )
    try:
        return docker.APIClient(base_url=address, version="auto", timeout=ANSWERS_WITHIN_S)
    except DockerException as problem:
        raise HostNotCapable(
            f"no Docker daemon answers at {address.removeprefix('unix://')} ({_root_of(problem)})",
            fix="start it (`systemctl start docker`); where there is none, `apt-get install docker.io`",
        ) from problem


def _root_of(problem: BaseException) -> str:
    """The system's own words, which the SDK wraps several times over."""
    while problem.__context__ is not None:
        problem = problem.__context__
    return getattr(problem, "strerror", None) or str(problem)


def check(wanted: Iterable[str]) -> None:
    """Look whether containers of these images can be started and wired.

    Args:
        wanted: kinds of the lab's own images, and names of others.

    Raises:
        HostNotCapable: not root, no daemon, or an image is missing; with what to do about it.
    """
    from lab.backends import images

    if os.geteuid() != 0 or Path("/proc/self/uid_map").read_text().split() != _ALL_USERS.split():
        raise HostNotCapable(
            "only root can enter the network namespaces of containers, and this is an ordinary user",
            fix="run it with sudo, or leave out `--backend docker`: the verdicts are the same",
        )
    api = connect()
    try:
        kinds = sorted(set(wanted) & set(images.NODES))
        if missing := images.missing(kinds):
            raise HostNotCapable(f"no container image for: {', '.join(missing)}", fix="`lab images build` makes them")
        for image in sorted(set(wanted) - set(kinds)):
            if not api.images(name=image):
                raise HostNotCapable(f"Docker has no image {image}", fix=f"`docker pull {image}`, or build it")
    finally:
        api.close()


def remove_containers(run: str) -> tuple[str, ...]:
    """Remove all containers of a run, whatever they are doing; returns their names.

    Raises:
        HostNotCapable: the daemon does not answer.
        LabFault: it refuses.
    """
    from docker.errors import DockerException

    api = connect()
    removed = []
    try:
        for container in api.containers(all=True, filters={"label": f"{RUN}={run}"}):
            remove(api, container["Id"])
            removed.append(container["Names"][0].removeprefix("/"))
    except DockerException as problem:
        raise LabFault("removing containers", detail=str(problem)) from problem
    finally:
        api.close()
    return tuple(removed)


def remove(api: APIClient, container: str) -> None:
    """Remove a container and wait until it is gone, though somebody else may be at it already."""
    from docker.errors import APIError, NotFound

    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as problem:
        if problem.status_code != _CONFLICT:
            raise
        _wait_until_gone(api, container)


def _wait_until_gone(api: APIClient, container: str) -> None:
    """Ask more than once: who asks at the very moment a container goes is never answered."""
    from docker.errors import NotFound
    from requests.exceptions import ConnectionError as NoAnswer
    from requests.exceptions import Timeout

    for _ in range(ANSWERS_WITHIN_S):
        try:
            api.wait(container, timeout=1, condition="removed")
        except NotFound:  # noqa: PERF203  (once, as a rule)
            return
        except (NoAnswer, Timeout):
            continue
        else:
            return
    raise LabFault(f"removing container {container}", detail=f"it is still there after {ANSWERS_WITHIN_S} s")
