"""Holds the values of axes, and reads the names that catalogs and authors give them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lab.errors import Problem
from lab.loader.conversion import choice
from lab.loader.yaml_lines import Node
from lab.model.rules import LONGEST_LABEL, is_name


@dataclass(slots=True)
class Option:
    """One value of an axis; ``value`` is None if there was a problem with it."""

    label: str
    value: Any
    node: Node | None = None


def catalog_name(node: Node, names: list[str], noun: str, problems: list[Problem]) -> str | None:
    """Return the name of an entry of a catalog; None, with a problem added, if it is none."""
    if isinstance(node.value, str) and node.value in names:
        return node.value
    if isinstance(node.value, list):
        problems.append(node.problem("a list", got="", allowed=f"one {noun} here, several under `matrix`"))
    elif node.value is not None:
        allowed = f"{choice(node.text, names)}, or a mapping with `name`"
        problems.append(node.problem(f"unknown {noun}", allowed=allowed))
    return None


def own_name(node: Node, names: list[str], problems: list[Problem]) -> str | None:
    """Return the name that an author gives; it must not be one of the catalog."""
    name = node.get("name")
    if name is None or not isinstance(name.value, str):
        return None
    if name.value in names:
        problems.append(name.problem("a name of the catalog", allowed="use another name"))
    return name.value if is_name(name.value, longest=LONGEST_LABEL) else None  # if not, its field says so
