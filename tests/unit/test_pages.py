"""What pages print runs as printed: scenarios load, commands exist, names are of something."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from lab import library
from lab.cli.main import app
from lab.loader.load import load_text
from lab.reference import things

ROOT = Path(__file__).parents[2]
LAB = typer.main.get_command(app)
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
MOST_LINES_OF_README = 120
COMMANDS = [
    (page.name, line)
    for page in PAGES
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("lab ")
]


def test_the_scenario_of_the_readme() -> None:
    """It is whole: it loads as it is printed."""
    blocks = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (text,) = [block for block in blocks if block.startswith("title:")]
    scenario = load_text(text, Path("readme.yaml"))
    assert [cell.name for cell in scenario.cells] == ["none", "hold-transport", "options-ping-25s"]
    assert all(cell.claim is not None for cell in scenario.cells)


def test_the_readme_needs_no_second_reading() -> None:
    """It is short, and two commands set everything up."""
    text = (ROOT / "README.md").read_text("utf-8")
    seen = [line for line in text.splitlines() if not line.startswith("<!--")]  # comments are for the tests
    assert len(seen) <= MOST_LINES_OF_README
    first, *_ = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert [line.split()[0] for line in first.splitlines()] == ["scripts/demo", "scripts/test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_of_pages(page: Path) -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", page.read_text("utf-8"))
    assert [picture for picture in pictures if not (page.parent / picture).is_file()] == []


@pytest.mark.parametrize(("page", "line"), COMMANDS)
def test_commands_of_pages(page: str, line: str) -> None:
    """Each is a command with options that it has; files of the library and names that it gives are there."""
    words = shlex.split(line, comments=True)
    command = LAB
    for word in words[1:]:
        if (found := getattr(command, "commands", {}).get(word)) is None:
            break
        command = found
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    given = words[: words.index("--")] if "--" in words else words  # behind it are another program's
    assert [word for word in given if word.startswith("--") and word.partition("=")[0] not in options] == []
    for word in words:
        if word.startswith("scenarios/"):
            assert word.removeprefix("scenarios/").removesuffix(".yaml") in library.scenarios()
    if words[1] == "show":
        shown = words[2 : words.index("--code")] if "--code" in words else words[2:]
        assert set(shown) <= set(things.all_names())


def test_why_follows_its_run() -> None:
    """On the page about reachability, a look is explained before another run is the newest."""
    text = (ROOT / "docs" / "reachability.md").read_text("utf-8")
    first, why, second = (
        text.index(words)
        for words in ("lab curve scenarios/article/server", "lab why", "lab curve scenarios/article/all")
    )
    assert first < why < second
