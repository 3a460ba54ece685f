"""Fixtures for every kind of test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from lab.model.topology import Link, Node, Role, Topology
from lab.network import netns
from tests.e2e.lab_command import mounts, network
from tests.results import pytest_terminal_summary  # noqa: F401  (a hook)

WORLD_S = 1800
"""How long the first test that has the mark ``cells`` may wait for all the others' cells, too."""


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before -m chooses by marks, and after all has been shuffled
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark tests by what they use, so that scripts/test runs each in its phase; begin with those that wait longest."""
    for item in items:
        if any(item.iter_markers("cells")):
            item.add_marker("virtual")
            item.add_marker(pytest.mark.xdist_group("cells"))  # one worker runs the cells of all of them
            item.add_marker(pytest.mark.timeout(WORLD_S))
        if "untouched" in getattr(item, "fixturenames", ()) and not any(item.iter_markers("virtual")):
            item.add_marker("leaves")
        if any(item.iter_markers("leaves")) and any(item.iter_markers("docker")):  # one of these at a time
            item.add_marker(pytest.mark.xdist_group("leaves-containers"))
    yield
    items.sort(key=lambda item: -max((mark.args[0] for mark in item.iter_markers("waits")), default=0.0))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Check that tests which share a costly fixture reach the same worker: they are told by the end of their id."""
    if getattr(session.config.option, "loadgroup", False):
        grouped = (item for item in session.items if any(item.iter_markers("xdist_group")))
        assert all("@" in item.nodeid for item in grouped), "this pytest-xdist does not know the groups of this pytest"


@pytest.fixture(scope="session")
def one_home() -> Topology:
    """client —lan— home-nat —access— internet —core— server."""
    return Topology(
        name="one-home",
        nodes=(
            Node(name="client", role=Role.CLIENT),
            Node(name="home-nat", role=Role.MIDDLEBOX, inside="lan", outside="access"),
            Node(name="internet", role=Role.ROUTER),
            Node(name="server", role=Role.SERVER),
        ),
        links=(
            _link("lan", client="10.0.0.2/24", home_nat="10.0.0.1/24"),
            _link("access", home_nat="198.51.100.2/24", internet="198.51.100.1/24"),
            _link("core", internet="203.0.113.1/24", server="203.0.113.10/24"),
        ),
    )


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Network namespaces can be made; skips where they cannot."""
    try:
        os.close(netns.new())
    except PermissionError:
        pytest.skip("needs root, or a user namespace: unshare -Urnm <this command>")


@pytest.fixture
def leaves_nothing() -> Iterator[None]:
    """Fails a test that leaves a descriptor, a child process or a link in the host's namespace behind."""
    before = _held()
    yield
    assert _held() == before


@pytest.fixture
def untouched() -> Iterator[Callable[[], None]]:
    """Check that the host's network and mounts are as they were: when called, and after the test.

    Runs of the lab change neither while they go on, so tests that use this run side by side. Docker's daemon does, but
    what it changes is left out.
    """
    before = (network(), mounts())

    def check() -> None:
        assert (network(), mounts()) == before

    yield check
    check()


DOCKERS_OWN = ("veth", "br-", "docker")
"""Links that a Docker daemon makes and removes while tests run; the lab's have the names of the topology's links."""


def _held() -> tuple[list[str], str, str]:
    listed = list(Path("/proc/self/fd").iterdir())
    descriptors = [f"{fd.name} {fd.readlink()}" for fd in listed if fd.is_symlink()]
    children = " ".join(str(pid) for pid in _children())
    names = (line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().splitlines()[2:])
    links = " ".join(name for name in names if not name.startswith(DOCKERS_OWN))
    return sorted(descriptors), children, links


def _children() -> list[int]:
    """This process's children; by their own word, for not every kernel has ``/proc/…/children``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                after_name = (entry / "stat").read_text().rpartition(")")[2]
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended meanwhile
            if int(after_name.split()[1]) == os.getpid():
                found.append(int(entry.name))
    return sorted(found)


def _link(name: str, **ends: str) -> Link:
    return Link(
        name=name, ends=tuple((node.replace("_", "-"), IPv4Interface(address)) for node, address in ends.items())
    )
