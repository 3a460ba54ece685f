"""Mutated scenarios load, or get problems that say where; by hand any number: ``python -m tests.fuzz scenarios``."""

from __future__ import annotations

import random

import pytest

from tests.fuzz import scenarios, tries

TRIES = 600
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_mutated_scenarios(part: int) -> None:
    for seed in range(part * TRIES // PARTS, (part + 1) * TRIES // PARTS):
        tries.scenario(seed)


def test_the_fuzzer_reaches_what_it_should() -> None:
    """Among its texts are some of each kind, and hardly two alike."""
    texts = [scenarios.mutated(random.Random(seed))[1] for seed in range(4 * TRIES)]
    assert len(set(texts)) > 0.9 * len(texts)
    for piece in ("\\UFFFFFFFF", "&a", "*a", "!!", "\t", "x" * 3000, "{a: {a: ", "\u202e", "1e400", "9" * 5000):
        assert any(piece in text for text in texts), piece


def test_shipped_scenarios_are_whole() -> None:
    """The fuzzer starts from scenarios that load."""
    assert len(scenarios.shipped()) > 30
    assert len(scenarios.parts()) > 500
