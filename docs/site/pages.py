"""Fills the pages of the site with what the lab says about itself, and with the project's pages outside of ``docs/``.

A comment in a page is replaced:

- ``<!-- site: list KIND -->`` by all that `lab list KIND` knows, a section each;
- ``<!-- site: commands -->`` by the help of every command;
- ``<!-- site: page FILE -->`` by another Markdown file of this project, whose links are made to fit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from lab.cli.main import app
from lab.loader import catalog
from lab.reference import things
from lab.reference.chapters import ReferenceEntry
from lab.reference.markdown import key_table

DOCS = Path(__file__).resolve().parents[1]
ROOT = DOCS.parent
ELSEWHERE = {ROOT / "scenarios/README.md": "library.md", ROOT / "CONTRIBUTING.md": "contributing.md",
             ROOT / "CHANGELOG.md": "changelog.md", ROOT / "README.md": "index.md"}  # fmt: skip
"""Pages outside of ``docs/``, and the pages of the site that show them."""
WIDTH = 100
"""Columns of the commands' help."""

_MARK = re.compile(r"^<!-- site: (?P<what>\w+)(?: (?P<argument>\S+))? -->$", re.MULTILINE)
_COMMENT = re.compile(r"^ *<!--.*?-->\n", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")
_ADDRESS = re.compile(r"(?<![<(])https?://[^\s;,)]+[^\s;,).]")


def filled(text: str, page: Path) -> str:
    """Return the text of a page of ``docs/`` as the site shows it."""
    whole = _MARK.sub(lambda mark: _content(mark["what"], mark["argument"] or "", page), text)
    return moved(_COMMENT.sub("", whole), page, page)


def _content(what: str, argument: str, page: Path) -> str:
    if what == "list":
        return "\n".join(_things(things.kind(argument)))
    if what == "commands":
        return "\n".join(_commands())
    assert what == "page", what
    source = (page.parent / argument).resolve()
    return moved(source.read_text("utf-8").partition("\n")[2], source, page)  # the page has a title of its own


def moved(text: str, old: Path, new: Path) -> str:
    """Return a text with links that fit another place; those to pages outside of `docs/` lead to their copies."""

    def link(found: re.Match[str]) -> str:
        target = Path(os.path.normpath(old.parent / found[1]))
        target = DOCS / ELSEWHERE[target] if target in ELSEWHERE else target
        return os.path.relpath(target, new.parent) if target.exists() else found[1]

    return _LINK.sub(link, text)


def _things(kind: things.Kind) -> Iterator[str]:
    """Yield a section for each thing of a kind."""
    if kind.name == "middleboxes":
        yield from (*_profiles(), "")
    for name in kind.names():
        yield from (f"## {name}", "")
        yield from _middlebox(name) if kind.name == "middleboxes" else _thing(kind.find(name))


def _thing(thing: ReferenceEntry) -> Iterator[str]:
    yield from (_prose(thing.what), "")
    if thing.keys:
        yield from (*key_table(thing.keys), "")
    for about, fact in thing.notes:
        if about != "file":  # a path of the machine that builds the site
            yield f"- {about}: {_prose(fact)}"
    yield ""


def _middlebox(name: str) -> Iterator[str]:
    """Yield a profile: a table of its values with the grade of each, and its sources."""
    thing = things.middlebox_thing(name)
    yield from (_prose(thing.what), "", "| value | | evidence |", "|---|---|---|")
    for about, fact in thing.notes[:-1]:
        value, _, grade = fact.rpartition(" [")
        yield f"| `{about}` | {_prose(value)} | {grade.rstrip(']')} |"
    yield from ("", f"Sources: {_prose(catalog.middlebox(name).source)}", "")


def _profiles() -> Iterator[str]:
    """Yield a table of all profiles."""
    yield from (
        "| profile | TCP forgotten after | UDP forgotten after | a forgotten TCP flow meets |",
        "|---|---|---|---|",
    )
    for name in catalog.middlebox_names():
        profile = catalog.middlebox(name)
        timers = (profile.established_idle_timeout, profile.udp_mapping_timer)
        values = ["never" if timer is None else str(timer) for timer in timers]
        yield f"| [{name}](#{name}) | {' | '.join(values)} | {profile.forgotten.value} |"


def _prose(text: str) -> str:
    """Return a text with its addresses as links."""
    return _ADDRESS.sub(lambda address: f"<{address[0]}>", text)


def _commands() -> Iterator[str]:
    """Yield the help of each command."""
    yield from _help(typer.main.get_command(app), "lab", None)


def _help(command: Any, name: str, parent: typer.Context | None) -> Iterator[str]:
    context = typer.Context(command, parent, name, terminal_width=WIDTH, max_content_width=WIDTH)
    yield from (f"## {context.command_path}", "", "```text", command.get_help(context), "```", "")
    for each in getattr(command, "commands", {}).values():
        if not each.hidden:
            yield from _help(each, each.name, context)
