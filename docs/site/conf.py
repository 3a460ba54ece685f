"""Builds the site of the lab from ``docs/``: `scripts/docs`. The pages load nothing from the network."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))
import pages

project = "lab"
author = "the lab's contributors"
html_title = "lab"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False
extensions = ["myst_parser"]
exclude_patterns = ["site/**", "examples/**"]
myst_heading_anchors = 4
myst_disable_syntax = ["html_block", "html_inline"]  # `<30 s` of a catalogue's text is text
nitpicky = True
highlight_language = "none"


def setup(app: Sphinx) -> None:
    """Fill in what the pages take from the lab itself."""
    app.connect("source-read", _fill)


def _fill(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = pages.filled(source[0], Path(app.env.doc2path(page)))
