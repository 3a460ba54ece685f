"""Reads the failures that a new scenario can have, from ``failures.yaml``."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from lab.loader.yaml_lines import read_yaml

SILENCE = "silence"
"""The name of the one in which nothing is broken."""
_FILE = Path(__file__).with_name("failures.yaml")


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """One thing that goes wrong.

    Attributes:
        name: as `--failure` takes it.
        what: a clause for the question.
        comment: what the scenario says of it.
        faults: as they are written there, a line each; none: nothing but silence.
        streams_only: it needs a connection, so TCP or TLS.
        topology: the network that it needs.
        carrier: the middlebox of the second way, where the network has one.
    """

    name: str
    what: str
    comment: str
    faults: tuple[str, ...] = ()
    streams_only: bool = False
    topology: str = "home-nat"
    carrier: str = ""


@functools.cache
def failures() -> dict[str, Failure]:
    """Return all failures by name, in the order of the file."""
    root = read_yaml(_FILE.read_text("utf-8"), _FILE.name, [])
    assert root is not None
    return {name: _failure(name, values) for name, values in root.plain().items()}


def _failure(name: str, values: dict[str, object]) -> Failure:
    fields = {
        key.replace("-", "_"): tuple(value) if isinstance(value, list) else value for key, value in values.items()
    }
    return Failure(name=name, **fields)  # type: ignore[arg-type]  # the file is ours, and a test reads it
