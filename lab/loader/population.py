"""Reads a population: the middlebox profiles that clients of a product are behind, and the share of each.

A scenario has it under ``population``. It is an axis written in another way: the profiles become the values of the axis
``middlebox``, so that everything that holds for this axis holds for a population. A command may put another population,
or other strategies, in the place of the scenario's (`Replacement`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lab.errors import Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice, value_of
from lab.loader.yaml_lines import Node, read_yaml, shown
from lab.model.middlebox import Grade, Middlebox
from lab.model.topology import Role, Topology
from lab.units import Percent, Share

WHOLE = 100.0
"""The sum of the shares, in percent."""

SHARE_KEY = "share"
"""The key that a profile of the scenario's own has beside those of a middlebox."""

OPTION = "--population"
"""Where the population of a command line stands, in messages."""

_ALLOWED = (
    "a mapping of middleboxes to shares that add up to 100 %, such as `{ home-typical: 70 %, cgn: 30 % }`; a profile of"
    " your own is a mapping with `share` and the keys of a middlebox"
)

Shares = tuple[tuple[str, float], ...]
"""The share of each middlebox, in percent, by its name."""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """The axes that a command puts in the place of a scenario's. What the scenario claims is left out then.

    Attributes:
        population: a mapping of middleboxes to shares; None: the scenario's own. A scenario that has neither a
            population nor `middlebox` in its matrix gets all sourced profiles, with equal shares.
        strategies: names of the catalog, or of strategies of the scenario; empty: the scenario's own.
    """

    population: Node | None = None
    strategies: tuple[str, ...] = ()


def is_sourced(profile: Middlebox) -> bool:
    """Return whether anything of a profile is known from the world, or meant to be like it: it is not all made up."""
    known = profile.evidence
    groups = (known.tcp, known.udp, known.forgotten, known.refresh, known.translation)
    return any(grade is not Grade.SYNTHETIC for grade in groups)


def sourced() -> list[str]:
    """Return the names of the catalog's profiles that are not made up, sorted."""
    return [name for name in catalog.middlebox_names() if is_sourced(catalog.middlebox(name))]


def read_population(text: str, name: str) -> Node:
    """Read the mapping of a population that is not part of a scenario.

    Args:
        text: ``home-typical=55%,cgn=45%``, or a YAML mapping.
        name: where it stands, for messages.

    Raises:
        ScenarioError: it is no mapping.
    """
    problems: list[Problem] = []
    if "\n" not in text.strip() and "=" in text:
        text = "{" + text.strip().strip("{}").replace("=", ": ") + "}"
    node = read_yaml(text, name, problems)
    if node is None or problems:
        raise ScenarioError(problems)
    return node


def shares_of(node: Node) -> Shares:
    """Return the shares of a population alone, without its profiles.

    Raises:
        ScenarioError: with all problems of the shares.
    """
    problems: list[Problem] = []
    found = _shares(node, problems)
    if problems:
        raise ScenarioError(problems)
    return found


def with_replacement(root: Node, wanted: Replacement, topology: Topology | None) -> Node:
    """Return a scenario's mapping with what a command puts in the place of its axes, and without its claims."""
    if not isinstance(root.value, dict):
        return root
    top = {key: child for key, child in root.value.items() if key != "claims"}
    written = root.get("matrix")
    matrix = dict(written.value) if written is not None and isinstance(written.value, dict) else {}
    population = wanted.population
    if population is None and not {"population"} & set(top) and "middlebox" not in matrix and _has_one(topology):
        population = _equal(root, sourced())
    if population is not None:
        for each in (top, matrix):
            each.pop("middlebox", None)
        top["population"] = replace(population, path="population", key="population")
    if wanted.strategies:
        matrix["strategy"] = _strategies(root, top.pop("strategy", None), matrix.get("strategy"), wanted.strategies)
    if matrix:
        top["matrix"] = replace(written or Node(root.file, 0, "matrix", "matrix"), value=matrix)
    elif written is not None and isinstance(written.value, dict):
        del top["matrix"]
    return replace(root, value=top)


def as_axis(root: Node, topology: Topology | None, problems: list[Problem]) -> tuple[Node, Shares]:
    """Return a scenario's mapping with its population written as the axis ``middlebox``, and the shares."""
    population = root.get("population")
    if population is None or not isinstance(root.value, dict):
        return root, ()
    shares = _shares(population, problems)
    if topology is not None and not _has_one(topology):
        what = "a population, and this topology has not just one middlebox"
        problems.append(population.problem(what, got="", allowed="leave it out; `middlebox` says which there are"))
        return root, shares
    written = root.get("matrix")
    swept = None if written is None else written.get("middlebox")
    for other in (root.get("middlebox"), swept):
        if other is not None:
            allowed = "write middleboxes in one of the two places"
            problems.append(
                population.problem(f"{other.path} also given in line {other.line}", got="", allowed=allowed)
            )
            return root, ()
    if not isinstance(population.value, dict) or not population.value:
        return root, ()
    profiles = replace(population, value=list(_profiles(population.value, problems)))
    top = dict(root.value)
    if written is None:
        written = Node(root.file, population.line, "matrix", "matrix", value={})
    if isinstance(written.value, dict):
        top["matrix"] = replace(written, value={**written.value, "middlebox": profiles})
    return replace(root, value=top), shares


def _shares(population: Node, problems: list[Problem]) -> Shares:
    """Read the shares, and check that they add up."""
    if not isinstance(population.value, dict) or not population.value:
        if population.value is not None:
            problems.append(population.problem("not a mapping with entries", allowed=_ALLOWED))
        return ()
    found: list[tuple[str, float | None]] = []
    for name, node in population.value.items():
        share: Any = None
        if not isinstance(node.value, dict):
            share = value_of(Share, node, problems)
        elif (inside := node.get(SHARE_KEY)) is not None:
            share = value_of(Share, inside, problems)
        else:
            problems.append(node.problem(f"without a `{SHARE_KEY}`", got="", allowed=f"add `{SHARE_KEY}: 10 %`"))
        found.append((name, share))
    known = tuple((name, float(share)) for name, share in found if share is not None)
    total = math.fsum(share for _, share in known)
    if len(known) == len(found) and not math.isclose(total, WHOLE, rel_tol=1e-9):
        problems.append(
            population.problem("the shares do not add up", got=str(Percent(round(total, 6))), allowed="100 % in all")
        )
    return known


def _profiles(written: Mapping[str, Node], problems: list[Problem]) -> Iterator[Node]:
    """Yield the profiles as the axis has them: a name, or a mapping with its name."""
    known = catalog.middlebox_names()
    for name, node in written.items():
        if isinstance(node.value, dict):
            inside = {key: child for key, child in node.value.items() if key != SHARE_KEY}
            if "name" in inside:
                problems.append(inside.pop("name").problem("a name", got="", allowed=f"leave it out: it is `{name}`"))
            named = Node(node.file, node.line, node.path, "name", name, name)
            yield replace(node, value={"name": named, **inside})
        elif name in known:
            yield replace(node, value=name, text=name)
        else:
            allowed = f"{choice(name, known)}, or a mapping with `{SHARE_KEY}` and the keys of a middlebox"
            problems.append(node.problem("unknown middlebox", got=shown(name), allowed=allowed))


def _has_one(topology: Topology | None) -> bool:
    return topology is not None and sum(node.role is Role.MIDDLEBOX for node in topology.nodes) == 1


def _equal(root: Node, names: list[str]) -> Node:
    """Return a population of equal shares."""
    text = f"{WHOLE / len(names)!r} %"
    shares = {name: Node(root.file, 0, f"population.{name}", name, text, text) for name in names}
    return Node(root.file, 0, "population", "population", value=dict(shares))


def _strategies(root: Node, fixed: Node | None, swept: Node | None, names: tuple[str, ...]) -> Node:
    """Return the axis of the strategies with these names; the scenario's own are those that it writes."""
    own = {}
    for node in [*([] if fixed is None else [fixed]), *([] if swept is None else swept.items())]:
        label = node.get("name")
        if label is not None:
            own[label.text] = node
    place = "--strategy"
    listed = [own.get(name) or Node(root.file, 0, place, place, name, name) for name in names]
    return Node(root.file, 0, place, "strategy", value=listed)
