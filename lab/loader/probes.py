"""Reads probes: a list, or a grid of moments, in one cell or in one cell each."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from lab.errors import Problem
from lab.loader.conversion import build
from lab.loader.timing_checks import check_probes, probes_of
from lab.loader.yaml_lines import Node
from lab.model.rules import Yaml
from lab.model.scenario import Account, Expectation, Probe, ProbeKind
from lab.units import Lasting, Seconds, moments_between

MOST_PROBES = 5000
"""Of one grid: as many cells as a matrix may have."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeGrid(Yaml):
    """Probes at regular moments.

    Attributes:
        every: from one moment to the next.
        from_: the first moment; `every` unless given.
        until: the last moment.
        apart: each in a cell of its own, so that no probe keeps the client reachable for the next.
        kind_, within, hold, ring: as of one probe, and its defaults.
    """

    every: Lasting
    from_: Seconds | None = None
    until: Seconds
    apart: bool = False
    kind_: ProbeKind | None = None
    within: Lasting | None = None
    hold: Lasting | None = None
    ring: Seconds | None = None


@dataclass(frozen=True)
class Probes:
    """The probes of a scenario.

    Attributes:
        nodes: where they are written.
        each: what a cell has; an entry is None where there was a problem.
        apart: when it is probed in cells of their own besides; empty: all probes are in one cell.
    """

    nodes: Sequence[Node]
    each: Sequence[Probe | None]
    apart: tuple[Seconds, ...] = ()

    def of(self, account: Account) -> tuple[Probe, ...]:
        """Return the probes of a cell whose client has this account."""
        return probes_of(self.nodes, [probe for probe in self.each if probe is not None], account)


def read_probes(root: Node, ends: Seconds | None, accounts: Collection[Account], problems: list[Problem]) -> Probes:
    """Read ``probes`` of a scenario; they must be given, and each must be answered before the end."""
    node = root.get("probes")
    if node is not None and isinstance(node.value, dict):
        return _grid(node, ends, accounts, problems)
    if node is None:
        problems.append(Problem(root.file, 0, "probes", "missing", allowed="at least one, such as `{at: 45 s}`"))
        return Probes((), ())
    if node.value is not None and not node.items():
        problems.append(node.problem("not a list with entries", allowed="at least one, or a mapping with every, until"))
    each = [build(Probe, item, problems) for item in node.items()]
    check_probes(node.items(), each, ends, accounts, problems)
    return Probes(node.items(), each)


def check_expectation(root: Node, expect: Expectation | None, probes: Probes, problems: list[Problem]) -> None:
    """Check that a share of the time is asked for where probes are spread over the time."""
    node = root.get("expect")
    reachable = None if node is None else node.get("reachable")
    known = bool(probes.each) and None not in probes.each
    if reachable is not None and expect is not None and known and not probes.apart:
        what = "probes of one cell do not tell the share of the time"
        problems.append(reachable.problem(what, allowed="use `probes: { every: 1 s, until: 300 s, apart: true }`"))
    delivered = None if node is None else node.get("delivered")
    if reachable is not None and delivered is not None:
        problems.append(delivered.problem("`reachable` says it", allowed="leave it out"))


def _grid(node: Node, ends: Seconds | None, accounts: Collection[Account], problems: list[Problem]) -> Probes:
    grid = build(ProbeGrid, node, problems)
    if grid is None:
        return Probes((node,), (None,))
    times = moments_between(
        float(grid.every if grid.from_ is None else grid.from_), float(grid.until), float(grid.every)
    )
    if not 0 < len(times) <= MOST_PROBES:
        allowed = f"1 to {MOST_PROBES}: another `every`, `from` or `until`"
        problems.append(node.problem("not a number of probes", got=str(len(times)), allowed=allowed))
        return Probes((node,), (None,))
    names = [field.name for field in dataclasses.fields(Probe) if field.name != "at"]
    given = {name: getattr(grid, name) for name in names if getattr(grid, name) is not None}
    each = [Probe(at=Seconds(at), **given) for at in times]
    check_probes([node], each[-1:], ends, accounts, problems)
    if grid.apart:
        return Probes([node], each[-1:], tuple(probe.at for probe in each))
    return Probes([node] * len(each), each)
