"""The formats of a comparison: each says the same, and shows hostile text without obeying it."""

from __future__ import annotations

import inspect
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from lab.cli.commands.compare import compare_command
from lab.comparison import formats as folder
from lab.comparison.compare import Comparison, compare
from lab.comparison.files import Format, formats
from lab.comparison.formats import markdown
from lab.comparison.gate import FAIL_ON
from lab.comparison.terminal import show
from lab.report import terminal
from tests.reports import cell, fail, metrics, seed, side
from tests.schemas import check_junit

HOSTILE = "\x1b[31m\u202e\x00</script><b>[x](https://evil.example) `` ` @everyone #1 | \\n"
HIDDEN = set("\x1b\u202e\x00")


def a_comparison(extra: str = "") -> Comparison:
    """One that has every kind of change; its texts end with something."""
    noisy = [seed(number, metrics=metrics(packets)) for number, packets in ((1, 100), (2, 200))]
    a = [fail(name="b"), cell("w"), cell("o", verdict="unsupported"), cell("g"), cell("n", seeds=noisy), cell("s")]
    b = [cell("b"), fail("x" + extra, name="w"), cell("o"), cell("n", metrics=metrics(220)), cell("new"), cell("s")]
    for each in (*a, *b):
        each["axes"] = {"strategy" + extra: each["name"] + extra}
        each["name"] += extra
    scenario = {"name": "name" + extra, "title": "title" + extra}
    return compare(*(side(*cells, name="run" + extra, scenario=scenario, lab="1" + extra) for cells in (a, b)))


def test_each_module_has_its_option() -> None:
    """A new format is a new module, and `lab compare` has an option for it."""
    modules = [path for path in Path(str(folder.__file__)).parent.glob("*.py") if path.name != "__init__.py"]
    assert len(formats()) == len(modules)
    assert set(formats()) <= set(inspect.signature(compare_command).parameters)


@pytest.mark.parametrize("each", formats().values(), ids=list(formats()))
def test_each_has_every_change(each: Format) -> None:
    """What changed, the name of each such cell, and what came of it."""
    text = each.render(a_comparison(), FAIL_ON)
    assert "x did it" in text
    for told in ("w", "b", "g", "new"):
        assert re.search(rf"\b{told}\b", text), told
    assert each.render(a_comparison(), ()) != text  # nothing fails then


def test_json() -> None:
    """All of it as values."""
    document = json.loads(formats()["json"].render(a_comparison(), FAIL_ON))
    assert (document["format"], document["fails"]) == (1, True)
    assert document["fail_on"] == ["verdict", "outage", "gone", "inconclusive"]
    assert document["counts"] == {"worse": 2, "better": 1, "other": 2, "noise": 1, "same": 1}
    cells = {each["name"]: each for each in document["cells"]}
    assert {name for name, each in cells.items() if each["fails"]} == {"w", "g"}
    assert (cells["g"]["verdict_a"], cells["g"]["verdict_b"], cells["g"]["axes_b"]) == ("pass", None, None)
    (noise,) = cells["n"]["changes"]
    assert (noise["a"], noise["b"], noise["noise"], noise["direction"]) == (150.0, 220.0, 100.0, "noise")
    assert cells["s"]["direction"] == "same"


def test_json_has_no_infinity() -> None:
    """An outage without an end, of a report that does not say when the cell ended."""
    old = cell(ends_s=None, metrics=metrics(outages=[(3.0, None)]))
    text = formats()["json"].render(compare(side(cell(ends_s=None)), side(old)), FAIL_ON)
    (change,) = json.loads(text, parse_constant=pytest.fail)["cells"][0]["changes"]
    assert (change["a"], change["b"], change["after"]) == (0.0, None, "to the end")


def test_junit() -> None:
    text = formats()["junit"].render(a_comparison(), FAIL_ON)
    check_junit(text)
    suite = ElementTree.fromstring(text)
    failed = {case.attrib["name"] for case in suite if case.find("failure") is not None}
    assert failed == {"w", "g"}
    assert (suite.attrib["tests"], suite.attrib["failures"]) == ("7", "2")


def test_markdown() -> None:
    """The worst is seen at once, the rest is folded."""
    text = formats()["markdown"].render(a_comparison(), FAIL_ON)
    assert text.startswith("### ❌ 2 cells fail the comparison: verdict 1, gone 1\n")
    open_part, _, folded = text.partition("<details>")
    assert "- `w`\n  - ✗ `pass → fail: x did it`\n" in open_part
    assert "`b`" in folded
    assert text.count("<details>") == text.count("</details>") == 3
    assert formats()["markdown"].render(a_comparison(), ()).startswith("### ✅ nothing can fail")


def test_markdown_fits_into_a_comment() -> None:
    """Below 65,536 characters with a thousand cells; what there is no room for is counted."""
    many = [cell(f"cell-{number:04}-{'x' * 50}") for number in range(500)]
    a = side(*many, *({**each, **fail(), "name": f"b{each['name']}", "axes": {"b": each["name"]}} for each in many))
    b = side(
        *(
            {**fail(), "name": each.name, "axes": each.axes}
            if each.word == "pass"
            else {**cell(), "name": each.name, "axes": each.axes}
            for each in a.cells
        )
    )
    text = markdown.render(compare(a, b), FAIL_ON)
    assert 50_000 < len(text.encode()) < 65_000
    left_out = sum(int(count.replace(",", "")) for count in re.findall(r"and ([\d,]+) more cells", text))
    assert left_out + len(re.findall(r"^- `b?cell", text, re.MULTILINE)) == 1000
    assert text.endswith("are no difference.\n")


class Tags(HTMLParser):
    """The tags of a page, and what it says."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.said = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.said += data


@pytest.mark.parametrize("name", list(formats()))
def test_hostile_text(name: str) -> None:
    """It is shown, and neither obeyed nor hidden."""
    text = formats()[name].render(a_comparison(HOSTILE), FAIL_ON)
    assert not HIDDEN & set(text)
    if name == "json":
        assert r"w\x1b[31m\u202e\x00</script>" in json.loads(text)["cells"][1]["name"]
    elif name == "junit":
        assert r"\x1b[31m\u202e\x00</script>" in ElementTree.fromstring(text)[1].attrib["name"]
    elif name == "html":
        page = Tags()
        page.feed(text)
        assert not {"script", "b", "a"} & set(page.tags)
        assert r"w\x1b[31m\u202e\x00</script><b>" in page.said
    else:
        assert name == "markdown", "a new format: say here what its reader makes of it"
        spans = re.compile(r"(?<!`)(`+)(?!`)(.*?[^`])\1(?!`)")
        outside = "".join(spans.sub("", line) for line in text.splitlines())
        assert not set("[]@#\\") & set(outside.replace("### ", ""))
        assert set(re.findall("<[^>]*>", outside)) == {"<details>", "</details>", "<summary>", "</summary>"}


def test_hostile_text_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show(terminal.console(stderr=False), a_comparison(HOSTILE), FAIL_ON)
    out: Any = capsys.readouterr().out
    assert not HIDDEN & set(out)
    assert r"\x1b[31m\u202e\x00</script>" in out
