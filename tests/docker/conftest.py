"""Containers for tests, and what is left of them."""

from __future__ import annotations

import os
from collections.abc import Iterator

import docker
import pytest

from lab.backends import daemon, images
from lab.errors import HostNotCapable
from tests.docker.provision import unavailable


@pytest.fixture(scope="session")
def names() -> dict[str, str]:
    """The lab's images by kind; they are built if need be."""
    try:
        images.build(images.NODES)
        images.check(images.NODES)
    except HostNotCapable as lack:
        unavailable(lack)
    return {kind: images.tag(kind) for kind in images.NODES}


@pytest.fixture
def api(names: dict[str, str]) -> Iterator[docker.APIClient]:
    """The daemon."""
    client = daemon.connect()
    yield client
    client.close()


@pytest.fixture
def outside() -> Iterator[int]:
    """A descriptor of the /proc in which containers' processes are."""
    descriptor = os.open("/proc", os.O_PATH)
    yield descriptor
    os.close(descriptor)
