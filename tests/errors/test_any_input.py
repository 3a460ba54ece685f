"""Whatever the bytes, the loader gives a scenario or a report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from lab.errors import ScenarioError
from lab.loader.load import load

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "scenarios" / "article" / "idle-subscription.yaml").read_text(encoding="utf-8")

settings.register_profile("lab", deadline=None, database=None, max_examples=150)
settings.load_profile("lab")

KEYS = [
    *("title", "source", "why", "seed", "topology", "transport", "server", "client", "middlebox", "strategy", "matrix"),
    *("population", "share"),
    *("faults", "probes", "expect", "ends", "claims", "at", "within", "name", "base", "mitigations", "options-ping"),
    *(
        "interval",
        "reboot",
        "server-freeze",
        "link-down",
        "node",
        "link",
        "lasts",
        "verdict",
        "cause",
        "delivered",
        "nodes",
        "links",
    ),
]
WORDS = [
    "home-nat",
    "none",
    "hold-transport",
    "silent-60s",
    "45 s",
    "1 %",
    "tls",
    "pass",
    "lan",
    "",
    "../x",
    "\x00",
    "…",
]
LEAVES = some.one_of(some.none(), some.booleans(), some.integers(), some.sampled_from(WORDS), some.text(max_size=8))
TREES = some.recursive(
    LEAVES,
    lambda inner: some.one_of(
        some.lists(inner, max_size=4),
        some.dictionaries(some.sampled_from(KEYS) | some.text(max_size=5), inner, max_size=8),
    ),
    max_leaves=30,
)


def survives(data: bytes) -> None:
    """Loading gives a value or a report that can be printed, and no third thing."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "topologies").mkdir()
        (Path(folder) / "topologies" / "home-nat.yaml").symlink_to(ROOT / "topologies" / "home-nat.yaml")
        path = Path(folder) / "any.yaml"
        path.write_bytes(data)
        report = ""
        try:
            load(path)
        except ScenarioError as error:
            report = str(error) or "\x00 no problem named"
    assert all(line.isprintable() for line in report.encode().decode().split("\n"))


@given(some.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    """Random bytes, hardly ever text."""
    survives(data)


@given(some.text(max_size=200))
def test_text(text: str) -> None:
    """Random text, hardly ever YAML."""
    survives(text.encode("utf-8", errors="surrogatepass"))


@given(some.text(alphabet="ab:-[]{}#&*!|>'\"%@`, \n\t?", max_size=120))
def test_yaml_signs(text: str) -> None:
    """Text of the signs that mean something in YAML."""
    survives(text.encode())


@given(some.dictionaries(some.sampled_from(KEYS), TREES, max_size=12))
def test_trees(tree: dict[str, object]) -> None:
    """Well-formed YAML of the right words in wrong places."""
    survives(json.dumps(tree).encode())


@given(some.data())
def test_damaged(data: some.DataObject) -> None:
    """A good scenario with a piece replaced."""
    start = data.draw(some.integers(0, len(GOOD)))
    length = data.draw(some.integers(0, 20))
    piece = data.draw(some.one_of(some.text(max_size=5), some.sampled_from(KEYS), some.sampled_from(WORDS)))
    survives((GOOD[:start] + piece + GOOD[start + length :]).encode("utf-8", errors="surrogatepass"))
