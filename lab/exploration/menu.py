"""Lists the faults and link impairments that can happen to a cell, the simplest first. Pure.

It knows no fault by name: the types of a fault's keys say which values there are, and for a number that only the fault
knows `lab.faults.base.Fault.tries`. What the loader would refuse is not on the menu.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from lab.errors import Problem, ScenarioError
from lab.exploration.timeline import IMPAIRMENT, Timeline
from lab.faults.base import Fault
from lab.faults.catalog import classes
from lab.loader.conversion import choice, hint
from lab.loader.unsupported import examined, why_unsupported
from lab.model.impairment import Impairment
from lab.model.rules import HostAddress, OfLink, OfNode, kebab
from lab.model.scenario import Cell
from lab.model.topology import Role, Topology
from lab.model.when import When
from lab.units import BitsPerSecond, Lasting, Percent, Seconds, WholeSeconds

MOST_MOMENTS = 99
"""Of one choice. Hypothesis takes numbers from 100 that stand in the source code for likely ones; no choice of ours may
depend on it, or a seed would mean another thing once a file is changed."""
DURATIONS_S = (10.0, 30.0, 60.0, 1.0, 5.0, 20.0, 2.0, 90.0, 120.0)
"""For how long something goes wrong, the roundest first: around a ping's interval (25 s), Timer F (32 s, RFC 3261) and
pjsip's idle time (33 s), from less than a round trip of REGISTER to more than a minute."""
OFFSETS_S = (0.0, 5.0, *(float(each) for each in (1, 2, 3, 4, 6, 7, 8, 9)))
"""From a multiple of ten seconds, the roundest first."""
DELAYS = (Seconds(0.1), Seconds(0.5))
"""One way: across a continent; a geostationary satellite with its queue (ITU-T G.114 has 260 ms)."""
LOSSES = (Percent(1), Percent(5))
"""A bad Wi-Fi; a cell's edge."""
RATE = BitsPerSecond(64_000)
"""An ISDN channel, and what carriers throttle to."""

Values = tuple[tuple[str, Any], ...]
"""Fields of a fault with their values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Course:
    """One kind of fault.

    Attributes:
        name: in scenarios.
        cls: its class.
        variants: what it can be, but for its moment and durations; the simplest first.
        spans: the fields that are durations.
    """

    name: str
    cls: type[Fault]
    variants: tuple[Values, ...]
    spans: tuple[str, ...]

    def fault(self, at_s: float, variant: int, spans: Sequence[float]) -> Fault:
        """Return the fault with these values."""
        lasts = {name: Seconds(span) for name, span in zip(self.spans, spans, strict=True)}
        return self.cls(at=When(offset=at_s), **dict(self.variants[variant]), **lasts)


@dataclass(frozen=True, kw_only=True, slots=True)
class Menu:
    """The faults and impairments that can happen to one cell.

    Attributes:
        start: the cell.
        courses: kinds of faults.
        impairments: of links, each in both directions; the mildest first.
    """

    start: Cell
    courses: tuple[Course, ...]
    impairments: tuple[tuple[Impairment, ...], ...]

    @property
    def decades_s(self) -> tuple[float, ...]:
        """Moments at which a fault may begin, to which one of `OFFSETS_S` is added; the roundest first."""
        step = 10.0
        while float(self.start.ends) / step > MOST_MOMENTS:
            step *= 2
        count = int(float(self.start.ends) // step)
        return tuple(sorted((step * each for each in range(count + 1)), key=_roundness))

    def possible(self, timeline: Timeline) -> bool:
        """Return whether everything in it can happen."""
        cell = replace(self.start, faults=timeline.faults)
        within = all(0 < fault.at.offset <= float(self.start.ends) for fault in timeline.faults)
        return within and not why_unsupported(replace(cell, ends=Seconds(timeline.over_s + float(cell.ends))))


def menu(start: Cell, words: Sequence[str], file: str) -> Menu:
    """Return what can happen to a cell.

    Args:
        start: the cell; nothing happens to it yet.
        words: kinds of faults, and ``impairment``; none: all that can happen there.
        file: of the scenario, for problems.

    Raises:
        ScenarioError: one of these words is none, or cannot happen there.
    """
    known = classes()
    problems = [
        Problem(file, 0, "--faults", "no such fault", f"`{word}`", choice(word, [*known, IMPAIRMENT]))
        for word in words
        if word not in known and word != IMPAIRMENT
    ]
    courses = []
    for name, cls in known.items():
        if words and name not in words:
            continue
        course = _course(name, cls, start)
        if course.variants:
            courses.append(course)
        elif words:
            problems.append(Problem(file, 0, "--faults", "cannot happen here", f"`{name}`", "leave it out"))
    if problems:
        raise ScenarioError(problems)
    impaired = not words or IMPAIRMENT in words
    return Menu(start=start, courses=tuple(courses), impairments=tuple(_impairments(start)) if impaired else ())


def _course(name: str, cls: type[Fault], start: Cell) -> Course:
    spans = tuple(field.name for field in _fields(cls) if _is_span(cls, field.name))
    others = [field for field in _fields(cls) if field.name not in spans]
    choices = [[(field.name, value) for value in _values(cls, field, start.topology)] for field in others]
    course = Course(name=name, cls=cls, variants=tuple(itertools.product(*choices)), spans=spans)
    return replace(course, variants=tuple(each for each in course.variants if _can_happen(course, each, start)))


def _fields(cls: type[Fault]) -> list[dataclasses.Field[Any]]:
    return [field for field in dataclasses.fields(cls) if field.name != "at"]


def _is_span(cls: type[Fault], name: str) -> bool:
    expected = hint(cls, kebab(name))
    return name not in cls.tries and expected in (Lasting, Lasting | None)


def _values(cls: type[Fault], field: dataclasses.Field[Any], topology: Topology) -> tuple[Any, ...]:
    """Return what a key may be, the default or the simplest first; nothing if that cannot be known."""
    expected = hint(cls, kebab(field.name))
    default = () if field.default is dataclasses.MISSING else (field.default,)
    found: Sequence[Any] = ()
    if field.name in cls.tries:
        found = cls.tries[field.name]
    elif expected == OfNode:
        found = [node.name for node in topology.nodes if node.role in (Role.MIDDLEBOX, Role.ROUTER)]
    elif expected == OfLink:
        found = [link.name for link in topology.links]
    elif expected in (HostAddress, HostAddress | None):
        found = list(_free_addresses(topology))
    elif expected in (WholeSeconds, WholeSeconds | None):
        found = [Seconds(DURATIONS_S[0])]
    elif isinstance(expected, type) and issubclass(expected, Enum):
        found = list(expected)
    elif expected is bool:
        found = [False, True]
    return tuple(dict.fromkeys((*default, *found)))


def _free_addresses(topology: Topology) -> Iterator[str]:
    """Yield an address of each link's subnet that nobody has: the last one."""
    for link in topology.links:
        (network,) = {address.network for _, address in link.ends}
        taken = {address.ip for _, address in link.ends}
        last = network.num_addresses - 2  # before the broadcast address
        free = (network[last - back] for back in range(last) if network[last - back] not in taken)
        yield from (str(address) for address in itertools.islice(free, 1))


def _can_happen(course: Course, variant: Values, start: Cell) -> bool:
    whole = replace(course, variants=(variant,))
    fault = whole.fault(float(start.ends) / 2, 0, [DURATIONS_S[0]] * len(course.spans))
    written = {kebab(name): value for name, value in variant if isinstance(value, str) and not isinstance(value, Enum)}
    if course.cls.misfit(start.topology, written) is not None or not _in_its_place(course.cls, written, start.topology):
        return False
    return not examined(replace(start, faults=(fault,))).unsupported


def _in_its_place(cls: type[Fault], written: Mapping[str, str], topology: Topology) -> bool:
    """Return whether the node it names is one that the loader accepts."""
    if "node" not in written:
        return True
    boxes = [node.name for node in topology.nodes if node.role is Role.MIDDLEBOX]
    between = topology.path(topology.only(Role.CLIENT).name, topology.only(Role.SERVER).name)[1:-1]
    return written["node"] in (boxes if cls.acts_on == "table" else between)


def _impairments(start: Cell) -> Iterator[tuple[Impairment, ...]]:
    """Yield what a link of the client's way can do to packets, in both directions."""
    taken = {(each.from_, each.to) for each in start.impairments}
    changes: list[dict[str, Any]] = [
        *({"one_way_delay": delay} for delay in DELAYS),
        *({"loss": loss} for loss in LOSSES),
        {"rate": RATE},
    ]
    way = start.topology.way(start.topology.access_link()).links
    for values in changes:
        for link in (each for each in start.topology.links if each.name in way):
            (here, _), (there, _) = link.ends
            if not {(here, there), (there, here)} & taken:
                yield tuple(Impairment(from_=one, to=other, **values) for one, other in ((here, there), (there, here)))


def _roundness(at_s: float) -> tuple[int, float]:
    """Return what sorts times by how round they are: whole minutes, half minutes, then the others; 0 s is the last."""
    if not at_s:
        return 3, at_s
    return (0 if not at_s % 60 else 1 if not at_s % 30 else 2), at_s
