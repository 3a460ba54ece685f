"""Finds the cells that are compared with each other: those with the same labels on the same axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from lab.comparison.side import Cell, Side
from lab.errors import Problem, ScenarioError
from lab.loader.conversion import choice

WHERE = "--map"
Mapped = tuple[str, str, str]
"""An axis, a label of A on it, and the label of B that it is compared with."""
Key = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Match:
    """Two cells that are compared.

    Attributes:
        name: the labels, joined by commas; ``old → new`` where they differ.
        a, b: the cells; None: that run has none.
    """

    name: str
    a: Cell | None
    b: Cell | None


def parse(texts: Sequence[str], a: Side, b: Side) -> list[Mapped]:
    """Read ``AXIS=OLD:NEW`` of the command line.

    Raises:
        ScenarioError: with all that are not of that form.
    """
    mapped, problems = [], []
    for text in texts:
        axis, equals, labels = text.partition("=")
        cuts = [(labels[:at], labels[at + 1 :]) for at, sign in enumerate(labels) if sign == ":"]
        known = [(old, new) for old, new in cuts if old in a.axes.get(axis, ()) and new in b.axes.get(axis, ())]
        if not equals or not axis or not cuts:
            allowed = "AXIS=OLD:NEW, such as `strategy=none:hold-transport`"
            problems.append(Problem(WHERE, 0, "", "no pair of labels", f"`{text}`", allowed))
        else:
            mapped.append((axis, *(known or cuts)[0]))  # a label may have a colon
    if problems:
        raise ScenarioError(problems)
    return mapped


def match(a: Side, b: Side, mapped: Sequence[Mapped]) -> list[Match]:
    """Return what is compared: first all cells of A in their order, with their counterparts; then cells new in B.

    Args:
        a: what was before.
        b: what is now.
        mapped: labels that are compared although they differ. On an axis that is named here, no others are compared.

    Raises:
        ScenarioError: there is no such label, or no cell that both have.
    """
    _check(a, b, mapped)
    olds, news = ({(each[0], each[place]) for each in mapped} for place in (1, 2))
    axes = {axis for axis, _, _ in mapped}
    there = {_key(cell.axes): cell for cell in b.cells}
    taken: set[Key] = set()
    found: list[Match] = []
    for cell in a.cells:
        if any((axis, label) not in olds for axis, label in cell.axes.items() if axis in axes):
            continue
        for wanted in _targets(cell, mapped):
            other = there.get(_key(wanted))
            taken.add(_key(wanted))
            found.append(Match(_name(cell.axes, wanted) or cell.name, cell, other))
    if not any(each.b for each in found):
        raise ScenarioError([_nothing_in_common(a, b)])
    for cell in b.cells:
        chosen = all((axis, label) in news for axis, label in cell.axes.items() if axis in axes)
        if chosen and _key(cell.axes) not in taken:
            found.append(Match(cell.name, None, cell))
    return found


def _key(axes: dict[str, str]) -> Key:
    return frozenset(axes.items())


def _targets(cell: Cell, mapped: Sequence[Mapped]) -> Iterator[dict[str, str]]:
    """Yield the labels of the cells of B that a cell of A is compared with."""
    choices = []
    for axis, label in cell.axes.items():
        news = [new for name, old, new in mapped if (name, old) == (axis, label)]
        choices.append([(axis, new) for new in dict.fromkeys(news or [label])])
    for each in product(*choices):
        yield dict(each)


def _name(axes: dict[str, str], wanted: dict[str, str]) -> str:
    return ",".join(label if label == wanted[axis] else f"{label} → {wanted[axis]}" for axis, label in axes.items())


def _check(a: Side, b: Side, mapped: Sequence[Mapped]) -> None:
    problems = []
    for side, place in ((a, 1), (b, 2)):
        for each in mapped:
            axis, label = each[0], each[place]
            labels = side.axes.get(axis)
            if labels is None:
                problems.append(
                    Problem(WHERE, 0, "", f"{side.name} has no such axis", f"`{axis}`", choice(axis, side.axes))
                )
            elif label not in labels:
                problems.append(
                    Problem(WHERE, 0, "", f"{side.name} has no such {axis}", f"`{label}`", choice(label, labels))
                )
    if problems:
        raise ScenarioError(list(dict.fromkeys(problems)))


def _nothing_in_common(a: Side, b: Side) -> Problem:
    advice = "choose runs with the same labels, or see `lab compare --map AXIS=OLD:NEW`"
    return Problem(b.name, 0, "", f"no cell in common with {a.name} ({_axes(a)})", _axes(b), advice)


def _axes(side: Side) -> str:
    """Return the axes of a run with their labels, in words."""
    if not side.axes:
        return "no axes" if side.cells else "no cells"
    return "; ".join(f"{axis}: {_few(labels)}" for axis, labels in side.axes.items())


def _few(labels: Sequence[str]) -> str:
    most = 4
    more = f", … ({len(labels)})" if len(labels) > most else ""
    return ", ".join(labels[:most]) + more
