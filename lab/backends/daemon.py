"""Connects to the Docker daemon of this machine, and removes containers that a run has left.

The lab enters the network namespaces of its containers, so it has to be the daemon of this very machine, and root.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from lab.errors import HostNotCapable, LabFault
from lab.leftovers import Removed

if TYPE_CHECKING:
    from docker import APIClient

RUN, CELL, NODE = "lab.run", "lab.cell", "lab.node"
"""Labels of every container: the run's name in the ledger, the cell's, the node's."""

ANSWERS_WITHIN_S = 120
"""Of one request: starting a container takes half a second, on a machine that starts thirty of them much longer."""

ANSWERS_AT_ONCE_S = 5
"""The same where nothing is being started, and nobody needs the answer."""

_SOCKET = "unix:///var/run/docker.sock"
_CONFLICT = 409


@contextmanager
def answering(what: str) -> Iterator[None]:
    """Translate what goes wrong between the lab and the daemon.

    Args:
        what: what is being done, as in "removing containers"; follows "while".

    Raises:
        HostNotCapable: the daemon went away.
        LabFault: the daemon refuses.
    """
    from docker.errors import APIError, DockerException
    from requests import RequestException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except APIError as refusal:
        raise LabFault(what, detail=f"Docker says: {refusal.explanation or refusal}") from refusal
    except (DockerException, RequestException, HTTPError, ConnectionError) as problem:
        raise went_away(what) from problem


def went_away(what: str) -> HostNotCapable:
    """Return the error of a daemon that stopped answering; ``what`` was being done."""
    return HostNotCapable(
        f"Docker's daemon stopped answering while {what}",
        fix="start it (`systemctl start docker`), see in its log why it ended, and run the rest again",
    )


def connect(patience_s: int = ANSWERS_WITHIN_S) -> APIClient:
    """Connect to the daemon, with this time limit for each request.

    Raises:
        HostNotCapable: there is none, or it is another machine's.
    """
    import docker
    from docker.errors import DockerException

    address = _address()
    if not address.startswith("unix://"):
        raise HostNotCapable(
            f"DOCKER_HOST is {address}, and containers of another machine cannot be wired from here",
            fix="unset DOCKER_HOST, or name a socket of this machine (unix://…)",
        )
    try:
        return docker.APIClient(base_url=address, version="auto", timeout=patience_s)
    except DockerException as problem:
        raise nobody_answers(problem) from problem


def nobody_answers(problem: BaseException) -> HostNotCapable:
    """Return the error of a daemon that cannot be reached at all; ``problem`` is what the SDK says."""
    return HostNotCapable(
        f"no Docker daemon answers at {_address().removeprefix('unix://')} ({_root_of(problem)})",
        fix="start it (`systemctl start docker`); where there is none, `apt-get install docker.io`; and be root or in"
        " the group `docker`",
    )


def _address() -> str:
    return os.environ.get("DOCKER_HOST") or _SOCKET


def _root_of(problem: BaseException) -> str:
    """Return the operating system's own message, which the SDK wraps several times."""
    while problem.__context__ is not None:
        problem = problem.__context__
    return getattr(problem, "strerror", None) or str(problem)


def remove_containers(run: str, patience_s: int = ANSWERS_WITHIN_S) -> Removed:
    """Remove all containers of a run, whatever they are doing; one that cannot be removed stops no other.

    Args:
        run: its name in the ledger.
        patience_s: the daemon has so long to answer each request.

    Raises:
        HostNotCapable: the daemon does not answer.
        LabFault: it refuses to list them.
    """
    removed, left = [], []
    api = connect(patience_s)
    try:
        with answering("listing containers"):
            found = [_named(each) for each in api.containers(all=True, filters={"label": f"{RUN}={run}"})]
        for container, name in found:
            try:
                with answering("removing containers"):
                    remove(api, container)
            except LabFault as refusal:  # noqa: PERF203  (one must not stop the others)
                left.append(f"container {name} (`docker rm -f {container[:12]}`): {refusal.detail}")
            else:
                removed.append(name)
    finally:
        api.close()
    return Removed(tuple(removed), tuple(left))


def _named(container: dict[str, Any]) -> tuple[str, str]:
    """Return id and name of a container; one that outlived its daemon may have no name any more."""
    made: str = container["Id"]
    names = container.get("Names") or [made[:12]]
    return made, str(names[0]).removeprefix("/")


def remove(api: APIClient, container: str) -> None:
    """Remove a container and wait until it is gone, though somebody else may be at it already."""
    from docker.errors import APIError, NotFound

    try:
        api.remove_container(container, force=True, v=True)
    except NotFound:
        pass
    except APIError as problem:
        if problem.status_code == _CONFLICT:
            _wait_until_gone(api, container)
        elif not _is_gone(api, container):
            raise


def _is_gone(api: APIClient, container: str) -> bool:
    """Skip containers that do not exist; a daemon that was killed may still list them."""
    from docker.errors import NotFound

    try:
        api.inspect_container(container)
    except NotFound:
        return True
    return False


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
