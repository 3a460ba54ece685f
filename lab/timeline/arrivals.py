"""Finds which of what was sent arrived, by what both ends say. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import NamedTuple

from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.record.evidence import BEFORE_S


class Seen(NamedTuple):
    """Something seen at one end.

    Attributes:
        t: when.
        key: what it has at both ends; what is sent again has it again.
    """

    t: float
    key: Hashable


def matched(sent: Sequence[Seen], received: Sequence[Seen], *, least_s: float) -> dict[int, int]:
    """Return which sending each receipt belongs to, by their places: of those with its key the latest that it can be.

    Args:
        sent: in the order of time.
        received: in the order of time.
        least_s: what the way takes at least.
    """
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for place, each in enumerate(sent):
        waiting[each.key].append(place)
    found = {}
    for place, each in enumerate(received):
        of_key = waiting[each.key]
        in_time = [one for one in of_key if sent[one].t <= each.t - least_s]
        in_time = in_time or [one for one in of_key[:1] if sent[one].t <= each.t + BEFORE_S]  # told late, or overtook
        if in_time:
            found[place] = in_time[-1]
            del of_key[: of_key.index(in_time[-1]) + 1]
    return found


def least_s(cell: Cell, *, to_server: bool) -> float:
    """Return how long a packet is under way at least between client and server, in seconds."""
    nodes = (cell.topology.only(Role.CLIENT).name, *cell.topology.way(cell.topology.access_link()).nodes)
    steps = set(pairwise(nodes if to_server else nodes[::-1]))
    return sum(
        max(0.0, float(each.one_way_delay) - float(each.jitter))
        for each in cell.impairments
        if (each.from_, each.to) in steps
    )
