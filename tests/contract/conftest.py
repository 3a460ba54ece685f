"""A testbed for actors, on loopback or in a namespace of its own; servers and phones on loopback."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.certificate_authority import make
from lab.certificates import Certificates
from lab.network import netns
from tests.contract.pjsip_testbed import ADDRESS, ActorTestbed, set_loopback
from tests.contract.sip_phone import HOST, OTHER, Call, Phone, Server, Start


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("certificates"), ADDRESS)


@pytest.fixture
def testbed(leaves_nothing: None, tmp_path: Path, certificate: Certificates) -> Iterator[ActorTestbed]:
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


@pytest.fixture(scope="module", name="certificates")
def certificates_fixture(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make(tmp_path_factory.mktemp("certificates"), HOST, OTHER)


@pytest.fixture(name="start")
def start_fixture(certificates: Certificates) -> Iterator[Start]:
    """Start servers; each must end in order with status 0."""
    with contextlib.ExitStack() as stack:

        def run(**settings: Any) -> tuple[Server, dict[str, int]]:
            server = Server(certificates, **settings)
            stack.callback(server.end)
            return server, server.ports()

        yield run


@pytest.fixture(name="call")
def call_fixture(certificates: Certificates) -> Iterator[Call]:
    """Make phones."""
    with contextlib.ExitStack() as stack:

        def run(transport: str, port: int, **more: Any) -> Phone:
            phone = Phone(transport, port, certificates.ca, **more)
            stack.callback(phone.sock.close)
            return phone

        yield run
