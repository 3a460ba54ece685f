"""Mutates JSON values: one value somewhere in a document becomes another, goes, or is doubled."""

from __future__ import annotations

import copy
import random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 2**70, 1e308, 5e-324, "", "x", "\x1b[31m\u202e", "../../etc", "none", "1 s", "99999999 h"),
    *([], {}, [[]], {"kind": "Cell"}, {"kind": "x"}, "a" * 5000, "10.0.0.2:40001", float("nan"), float("inf")),
)
"""Values that do not belong where they come."""


def places(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: the mapping or list, and the key or index."""
    found: list[tuple[Any, Any]] = []
    keys: list[Any] = list(value) if isinstance(value, dict) else list(range(len(value)))
    for key in keys:
        found.append((value, key))
        if isinstance(value[key], dict | list):
            found += places(value[key])
    return found


def mutated(value: Any, chance: random.Random) -> Any:
    """Return a copy of a mapping or list with a few mutations."""
    value = copy.deepcopy(value)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        there = places(value)
        if not there:
            break
        parent, key = chance.choice(there)
        other, name = chance.choice(there)
        match chance.randrange(5):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[chance.choice(("kind", "x", str(name)))] = copy.deepcopy(other[name])
            case 1 | 2:
                parent[key] = copy.deepcopy(other[name])
            case _:
                parent[key] = copy.deepcopy(chance.choice(ODD))
    return value
