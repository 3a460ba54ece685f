"""Writes a comparison as one HTML page without external files."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING

from lab import __version__
from lab.comparison.changes import Kind
from lab.comparison.compare import Comparison
from lab.comparison.wording import about, limits, sections, sentences, summary, verdict
from lab.visible_text import all_visible

if TYPE_CHECKING:
    from jinja2 import Template

OPTION = "html"


def render(comparison: Comparison, fail_on: Iterable[Kind]) -> str:
    """Return the page."""
    kinds = frozenset(fail_on)
    return _template().render(
        comparison=comparison,
        kinds=kinds,
        failing=bool(comparison.failing(kinds)),
        verdict=verdict(comparison, kinds),
        summary=summary(comparison, kinds),
        limits=limits(comparison),
        about=about(comparison),
        sections=list(sections(comparison, kinds)),
        sentences=sentences,
        version=__version__,
    )


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("lab.comparison.formats", ".")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=all_visible
    )
    return environment.get_template("compare.html")
