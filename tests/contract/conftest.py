"""A stage for actors, on loopback or in a namespace of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import certificates
from lab.network import netns
from tests.contract.pjsip_stage import ADDRESS, Stage, set_loopback


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> certificates.Certificates:
    return certificates.make(tmp_path_factory.mktemp("certificates"), ADDRESS)


@pytest.fixture
def stage(leaves_nothing: None, tmp_path: Path, certificate: certificates.Certificates) -> Iterator[Stage]:
    stage = Stage(tmp_path, certificate)
    yield stage
    for actor in stage.actors:
        actor.process.kill()


@pytest.fixture
def stage_apart(stage: Stage, namespaces: None) -> Iterator[Stage]:
    """A stage in a network namespace that has a loopback interface, which is up, and nothing else."""
    stage.namespace = netns.new()
    set_loopback(stage.namespace, ADDRESS)
    yield stage
    os.close(stage.namespace)
