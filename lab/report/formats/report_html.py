"""Writes ``report.html``: one page without external files: the table, each cell's timeline and ladder, what to do."""

from __future__ import annotations

from lab.engine.run import Run
from lab.report.page.page import page

FILE = "report.html"


def render(run: Run) -> str:
    """Return the page, as HTML."""
    return page(run)
