"""Fixtures for several unit tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.loader.load import load
from lab.model.scenario import Scenario
from tests.unit.scenario_texts import TWO_NATS, Read

ROOT = Path(__file__).parents[2]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a scenario in a project of its own, with the networks ``home-nat``, ``two`` and ``other``."""
    nets = tmp_path / "topologies"
    nets.mkdir()
    (nets / "home-nat.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    (nets / "two.yaml").write_text(TWO_NATS)
    (nets / "other.yaml").write_text(TWO_NATS.replace("198.51.100.10/24", "198.51.100.11/24"))

    def load_text(text: str, name: str = "a") -> Scenario:
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return load(path)

    return load_text
