"""The site that `scripts/docs` builds: no warning, no dead link, nothing from the network, all of the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.loader import catalog
from lab.reference import things
from tests.site_pages import problems, read

ROOT = Path(__file__).parents[2]
NOT_PAGES = {"failures"}
"""Kinds of `lab list` that stand in no scenario."""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="MyST 5 needs Python 3.11")
def test_the_site(tmp_path: Path) -> None:
    """One build for all that is asked of it: it takes seconds."""
    site = tmp_path / "site"
    command = [sys.executable, "-m", "sphinx", "-q", "--fail-on-warning", "-b", "html", "-c", "docs/site", "docs"]
    built = subprocess.run([*command, site], check=False, cwd=ROOT, capture_output=True, text=True)
    assert (built.returncode, built.stderr) == (0, "")
    assert problems(site) == []
    middleboxes = read(site / "catalog" / "middleboxes.html")
    assert set(catalog.middlebox_names()) <= middleboxes.ids
    index = (site / "searchindex.js").read_text("utf-8")
    assert all(word in index for word in ("aws-natgw", "carrier", "tutorial"))
    assert "lab tune" in (site / "commands.html").read_text("utf-8")
    assert not (site / "site").exists()  # the builder's own files are no pages


@pytest.mark.parametrize("kind", [kind.name for kind in things.kinds() if kind.name not in NOT_PAGES])
def test_every_kind_has_a_page(kind: str) -> None:
    """A new kind needs `docs/catalog/KIND.md` with a sentence and this mark, and a line in `docs/catalog/index.md`."""
    page = ROOT / "docs" / "catalog" / f"{kind}.md"
    assert page.exists(), f"write docs/catalog/{kind}.md, like its neighbours, and name it in docs/catalog/index.md"
    assert f"<!-- site: list {kind} -->" in page.read_text("utf-8")


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ('<a href="b.html">', "leads nowhere: b.html"),
        ('<a href="a.html#there"><p id="here">', "leads nowhere: a.html#there"),
        ('<a href="#there">', "leads nowhere: #there"),
        ('<img src="https://example.org/a.png">', "fetches from elsewhere: https://example.org/a.png"),
        ('<script src="//example.org/a.js"></script>', "fetches from elsewhere: //example.org/a.js"),
        ('<link rel="stylesheet" href="http://example.org/a.css">', "fetches from elsewhere: http://example.org/a.css"),
        ('<p style="background: url(https://example.org/b)">', "fetches from elsewhere: https://example.org/b"),
        ('<script src="lost.js"></script>', "fetches what is not there: lost.js"),
    ],
)
def test_what_is_noticed(tmp_path: Path, html: str, problem: str) -> None:
    (tmp_path / "a.html").write_text(html, "utf-8")
    assert problems(tmp_path) == [f"a.html: {problem}"]


def test_what_is_no_problem(tmp_path: Path) -> None:
    """Links to other sites are links; a browser fetches nothing until somebody follows one."""
    html = '<a href="https://example.org/"><link rel="canonical" href="https://example.org/"><a href="#x"><p id="x">'
    (tmp_path / "a.html").write_text(html, "utf-8")
    (tmp_path / "a.css").write_text("p { background: url(data:image/png;base64,AA==) }", "utf-8")
    assert problems(tmp_path) == []


def test_a_style_sheet_that_fetches(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import 'https://example.org/font.css';", "utf-8")
    assert problems(tmp_path) == ["a.css: fetches https://example.org/font.css"]
