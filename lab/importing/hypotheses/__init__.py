"""Explains a case: each module here is a kind of explanation, with ``explain(case) -> Iterator[Hypothesis]``.

It yields each hypothesis that fits what was seen, with a score from 0 to 1: how much of what was seen it predicts that
others do not. Hypotheses that fit are ranked by it; none is left out because another one fits better.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Protocol, cast

from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis


class _Explanation(Protocol):
    def explain(self, case: Case) -> Iterator[Hypothesis]: ...


@functools.cache
def _modules() -> tuple[_Explanation, ...]:
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return tuple(cast("_Explanation", importlib.import_module(f"{__name__}.{name}")) for name in names)


def hypotheses(case: Case) -> list[Hypothesis]:
    """Return what may explain a case, the best first; one at least."""
    found = [each for module in _modules() for each in module.explain(case)]
    return sorted(found, key=lambda each: -each.score) or [nothing_known(case)]


def nothing_known(case: Case) -> Hypothesis:
    """Return the hypothesis of a case in which nothing went wrong, or nothing that the lab can name."""
    if case.fails:
        return Hypothesis(
            name="unexplained",
            cause="",
            score=0.0,
            text="Why the client could not be reached, this file does not show.",
        )
    waits = any(each.up and each.final is None for each in case.story.all)
    text = "No connection was lost, and no request of the server." if waits else "Nothing was lost here."
    return Hypothesis(name="nothing-lost", cause="", score=1.0, text=text)
