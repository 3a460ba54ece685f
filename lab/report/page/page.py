"""Puts the page together: the frame, the built front end, the data of the overview, the packed data of each cell."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

from lab.engine.run import Run
from lab.report.page.cells import packed_cells
from lab.report.page.document import document
from lab.report.page.packing import digest, embedded, packed
from lab.report.page.settings import settings
from lab.visible_text import all_visible

if TYPE_CHECKING:
    from jinja2 import Template


class Part(NamedTuple):
    """A packed part of the page, by the id of its element."""

    id: str
    data: str


def page(run: Run) -> str:
    """Return the page of a run."""
    script, style = _asset("page.js"), _asset("page.css")
    overview = document(run)
    return _template().render(
        title=overview["scenario"]["title"],
        summary=overview["summary"],
        cells=overview["cells"],
        overview=embedded(overview),
        parts=list(_parts(run)),
        script=Markup(script),  # noqa: S704  (the lab's own)
        style=Markup(style),  # noqa: S704
        script_digest=digest(script),
        style_digest=digest(style),
    )


def _parts(run: Run) -> Iterator[Part]:
    for number, data in enumerate(packed_cells(run)):
        yield Part(f"cell-{number}", data)
    if found := settings(run):
        yield Part("settings", packed(found))


@cache
def _asset(name: str) -> str:
    """Return a file of the built front end (``scripts/build-page``)."""
    return (resources.files("lab.report.page") / name).read_text("utf-8").strip()


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("lab.report.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_shown,
    )
    return environment.get_template("frame.html")


def _shown(value: object) -> object:
    """Make text visible, unless it is the lab's own markup, or was made visible before it became markup."""
    return value if isinstance(value, Markup) else all_visible(value)
