"""A testbed for actors, on loopback or in a namespace of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import certificates
from lab.network import netns
from tests.contract.pjsip_testbed import ADDRESS, ActorTestbed, set_loopback


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"), ADDRESS)


@pytest.fixture
def testbed(leaves_nothing: None, tmp_path: Path, certificate: certificates.Certificates) -> Iterator[ActorTestbed]:
    testbed = ActorTestbed(tmp_path, certificate)
    yield testbed
    for actor in testbed.actors:
        actor.process.kill()


@pytest.fixture
def testbed_apart(testbed: ActorTestbed, namespaces: None) -> Iterator[ActorTestbed]:
    """A testbed in a network namespace that has a loopback interface, which is up, and nothing else."""
    testbed.namespace = netns.new()
    set_loopback(testbed.namespace, ADDRESS)
    yield testbed
    os.close(testbed.namespace)
