"""``report.md`` as a Markdown reader sees it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from lab.errors import LabError, LabFault
from lab.markdown_text import code
from lab.model.outcome import Cause, ChainStep, Outcome, ProbeFate
from lab.model.scenario import Cell, Scenario
from lab.model.verdict import CLIENT_IDLE_TIMER, Verdict
from lab.report.formats import report_md
from tests.records import cell as a_cell
from tests.records import judged
from tests.runs import run_of

MOST_OF_GITHUB = 65_536
"""Characters of a comment (GitHub's message for a longer one says so)."""

MARKUP = "`|\\|[x](http://e.example)<img src=x onerror=alert(1)>@all #1 **b**\u202e"


def _outcome(verdict: Verdict, text: str = "the timer ended it") -> Outcome:
    steps = (ChainStep(at_s=33.0, text=text, evidence=()),)
    cause = Cause(kind=CLIENT_IDLE_TIMER, at_s=33.0, text=text, chain=steps) if verdict is Verdict.FAIL else None
    probe = ProbeFate(at_s=40.0, kind_="notify", answered=verdict is Verdict.PASS, cause=cause)
    return dataclasses.replace(judged(a_cell()), verdict=verdict, doubt="", cause=cause, probes=(probe,))


def _rendered(results: Sequence[tuple[tuple[str, str], Outcome | LabError]], title: str = "A title") -> str:
    cells = [
        (dataclasses.replace(a_cell(), name=",".join(axes), axes=(("strategy", axes[0]), ("failure", axes[1]))), result)
        for axes, result in results
    ]
    own: tuple[Cell, ...] = tuple(cell for cell, _ in cells)
    scenario = Scenario(name="s", file="s.yaml", text="", title=title, why="", source="", cells=own)
    return report_md.render(run_of(scenario, cells))


def _tokens(text: str) -> list[Token]:
    """All tokens of a text, those within others included."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    found = []
    for token in reader.parse(text):
        found += [token, *(token.children or ())]
    return found


def _table(text: str) -> list[list[str]]:
    """The cells of the table, row by row."""
    rows: list[list[str]] = []
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type == "tr_open":
            rows.append([])
        if token.type == "inline" and rows and len(token.map or ()) and token.level > 3:
            rows[-1].append("".join(child.content for child in token.children or ()))
    return rows


def test_a_matrix() -> None:
    """Strategies downwards, failures across, and the sums; a strategy without verdicts has none."""
    text = _rendered(
        [
            (("none", "idle"), _outcome(Verdict.FAIL)),
            (("none", "reboot"), _outcome(Verdict.PASS)),
            (("hold", "idle"), _outcome(Verdict.UNSUPPORTED)),
            (("hold", "reboot"), LabFault("a step")),
        ]
    )
    head, first, second = _table(text)
    assert head[:3] == ["strategy", "idle", "reboot"]
    assert first[:4] == ["none", "✗", "✓", "1/2"]
    assert second[:4] == ["hold", "—", "E", ""]
    assert "4 cells: 1 pass, 1 fail, 1 unsupported, 1 error." in text


def test_why_cells_did_not_pass() -> None:
    """Each is folded, those with a broken claim come first, and what passed is left out."""
    broken = dataclasses.replace(_outcome(Verdict.PASS), claim_holds=False, claim_text="claimed fail, seen pass")
    text = _rendered(
        [
            (("none", "idle"), _outcome(Verdict.FAIL)),
            (("hold", "idle"), _outcome(Verdict.PASS)),
            (("ping", "idle"), broken),
        ]
    )
    names = [line.split("<code>")[1].split("</code>")[0] for line in text.splitlines() if "<summary>" in line]
    assert names == ["ping,idle", "none,idle"]
    assert "claimed fail, seen pass" in text
    assert "the timer ended it" in text


@pytest.mark.parametrize("number", [10, 3000])
def test_its_size(number: int) -> None:
    """However many cells there are, it fits; what is left out is counted."""
    results = [((f"strategy-{n}", "idle"), _outcome(Verdict.FAIL, "because " * 40)) for n in range(number)]
    text = _rendered(results)
    assert len(text) < MOST_OF_GITHUB
    assert len(text.encode()) < MOST_OF_GITHUB
    assert ("for which there is no room here" in text) == (number == 3000)
    assert text.count("<details>") == text.count("</details>") > 0


def test_many_columns() -> None:
    """A run that is too wide for a matrix has a row for each cell."""
    results = [(("none", f"failure-{n}"), _outcome(Verdict.FAIL)) for n in range(report_md.MOST_COLUMNS + 1)]
    rows = _table(_rendered(results))
    assert rows[0] == ["cell", "verdict", "cause"]
    assert len(rows) == len(results) + 1


def test_no_text_is_markup() -> None:
    """Names, titles and causes bring no link, image, emphasis or element of their own, and break no table."""
    text = _rendered([((f"a{MARKUP}", f"b{MARKUP}"), _outcome(Verdict.FAIL, MARKUP))], title=MARKUP)
    tokens = _tokens(text)
    assert not {"link_open", "image", "em_open", "strong_open"} & {token.type for token in tokens}
    elements = [token.content for token in tokens if token.type in ("html_inline", "html_block")]
    assert all(
        set(part.replace("</", "<").split("<")[1:][0].split(">")[0].split()) <= {"details", "summary", "code"}
        for part in elements
        if "<" in part
    )
    assert "<img" not in "".join(elements)
    assert "\u202e" not in text
    assert "&#8238;" not in text
    assert len({len(row) for row in _table(text)}) == 1


@pytest.mark.parametrize("text", ["", " ", "`", "``a`", "a`", "plain", "|"])
def test_code_spans(text: str) -> None:
    """A reader finds the text that went in."""
    (token,) = [each for each in _tokens(f"x {code(text)} y") if each.type == "code_inline"]
    assert token.content.strip() == text.strip()
