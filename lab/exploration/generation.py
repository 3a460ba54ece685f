"""Draws timelines, and shrinks one to the least that still does something. Hypothesis does both.

A draw is a sequence of choices, each the place of a value in a list that begins with the simplest. Hypothesis shrinks
that sequence: fewer choices (fewer faults, no impairment), then smaller ones (rounder moments, simpler parameters).
Nothing but this module knows Hypothesis, which is an optional part of the lab.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable
from lab.exploration.menu import DURATIONS_S, OFFSETS_S, Menu
from lab.exploration.timeline import Timeline, in_order

if TYPE_CHECKING:
    import hypothesis
    from hypothesis.strategies import DrawFn, SearchStrategy

MOST_FAULTS = 3
"""In one timeline. What needs more than three at once is rare, and each makes more of the others moot."""
FOLDER = "exploration"
"""In the lab's cache folder."""

T = TypeVar("T")


def check_host() -> None:
    """Check that Hypothesis is installed.

    Raises:
        HostNotCapable: it is not.
    """
    try:
        import hypothesis  # noqa: F401
    except ImportError:
        fix = "install it beside the lab: `pip install hypothesis`, or the lab as `sip-keepalive-lab[explore]`"
        raise HostNotCapable("`lab explore` needs Hypothesis, which is not installed", fix=fix) from None


def drawn(menus: Sequence[Menu], seed: int, count: int) -> list[Timeline]:
    """Return timelines that can happen; the same for the same seed.

    Args:
        menus: what can happen, a menu for each cell to which it can happen.
        seed: of the draws.
        count: how many at most; there may be fewer, as some draws give what was there before.
    """
    found: dict[str, Timeline] = {}

    def takes_note(timeline: Timeline) -> bool:
        found.setdefault(timeline.digest, timeline)
        return False

    least(menus, seed, count, takes_note)
    return list(found.values())


def least(menus: Sequence[Menu], seed: int, count: int, does: Callable[[Timeline], bool]) -> Timeline | None:
    """Return the least timeline that was found to do something, shrunk from the first that did; None: none did.

    Args:
        menus: as of `drawn`.
        seed: as of `drawn`. The timelines that are asked about first are those that it returns, in its order.
        count: as of `drawn`.
        does: says whether a timeline does it. It must always say the same of a timeline.
    """
    from hypothesis import find
    from hypothesis.configuration import set_hypothesis_home_dir
    from hypothesis.errors import NoSuchExample

    set_hypothesis_home_dir(cache_folder() / FOLDER / "hypothesis")  # else it makes a folder where the user is
    try:
        return find(_timelines(menus), does, settings=_settings(count), random=Random(seed))  # noqa: S311  (no secret)
    except NoSuchExample:
        return None


def _settings(count: int) -> hypothesis.settings:
    from hypothesis import Phase, Verbosity, settings

    return settings(
        max_examples=count,
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        database=None,
        derandomize=False,
        print_blob=False,
        verbosity=Verbosity.quiet,
    )


def _timelines(menus: Sequence[Menu]) -> SearchStrategy[Timeline]:
    from hypothesis import assume
    from hypothesis import strategies as some

    several: dict[str, SearchStrategy[list[Any]]] = {}  # made when they are drawn from: each takes some time

    @some.composite
    def timelines(draw: DrawFn) -> Timeline:
        menu = _one(draw, menus)
        if menu.start.name not in several:
            several[menu.start.name] = some.lists(_faults(menu), max_size=MOST_FAULTS if menu.courses else 0)
        faults = draw(several[menu.start.name])
        impaired = bool(menu.impairments) and draw(some.booleans())
        timeline = Timeline(
            start=menu.start.name,
            faults=in_order(faults),
            impairments=_one(draw, menu.impairments) if impaired else (),
        )
        assume(menu.possible(timeline))
        return timeline

    return timelines()


def _faults(menu: Menu) -> SearchStrategy[Any]:
    from hypothesis import strategies as some

    @some.composite
    def faults(draw: DrawFn) -> Any:
        course = _one(draw, menu.courses)
        variant = _one(draw, range(len(course.variants)))
        at_s = _one(draw, menu.decades_s) + _one(draw, OFFSETS_S)
        return course.fault(at_s, variant, [_one(draw, DURATIONS_S) for _ in course.spans])

    return faults()


def _one(draw: DrawFn, values: Sequence[T]) -> T:
    """Draw one of some values, the first being the simplest; of one value nothing is drawn."""
    from hypothesis import strategies as some

    return draw(some.sampled_from(values)) if len(values) > 1 else values[0]
