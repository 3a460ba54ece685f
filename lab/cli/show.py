"""``lab show``: what stands behind a name."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.reference import things
from lab.reference.chapters import Key, ReferenceEntry
from lab.report import terminal
from lab.settings_code import languages, snippets

WIDEST = 100
"""Columns of running text."""


def show(names: Sequence[str], *, only: str = "") -> int:
    """Print what has these names, one after the other.

    Args:
        names: of things of any kind.
        only: the kind; empty: any.

    Raises:
        ScenarioError: there is nothing of a name.
    """
    console = terminal.console(stderr=False)
    known = list(things.kind(only).names()) if only else things.all_names()
    things.check(known, names)
    for name in names:
        for kind, thing in things.found(name):
            if only in ("", kind.name):
                for line in lines(kind.one, thing, min(console.width, WIDEST)):
                    console.print(line, markup=False, soft_wrap=True)
    return EXIT_CLAIMS_HOLD


def show_code(names: Sequence[str], language: str) -> int:
    """Print strategies as code.

    Args:
        names: of strategies.
        language: one of the languages, or ``all``.

    Raises:
        ScenarioError: there is no such strategy or language.
    """
    words = [*languages(), "all"]
    things.check(list(things.kind("strategies").names()), names)
    if language not in words:
        problem = Problem("lab show", 0, "--code", "no such language", language, choice(language, words))
        raise ScenarioError([problem])
    console = terminal.console(stderr=False)
    for name in names:
        strategy = catalog.strategy(name)
        written = [each for each in snippets(strategy) if language in ("all", each["language"])]
        if not written:
            console.print(f"{name}: nothing to set in this language", markup=False, soft_wrap=True)
        for snippet in written:
            console.print(f"{name}: {snippet['title']} ({snippet['language']})", markup=False, soft_wrap=True)
            for text in (snippet["code"], snippet["note"]):
                if text:
                    console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
            console.print()
    return EXIT_CLAIMS_HOLD


def lines(kind: str, thing: ReferenceEntry, width: int) -> Iterator[str]:
    """Yield what there is to tell of a thing, no line longer than the window unless a drawing is."""
    yield f"{thing.name} ({kind})"
    yield ""
    drawing = False
    for paragraph in thing.what.split("\n\n"):
        if drawing or paragraph.startswith("```"):
            drawing = not paragraph.endswith("```")
            yield from (f"  {line}".rstrip() for line in paragraph.splitlines() if line != "```")
        else:
            yield from _wrapped(paragraph, width, "  ")
        yield ""
    if thing.keys:
        yield "  Keys:"
        for key in thing.keys:
            yield from _key(key, width)
        yield ""
    longest = max((len(about) for about, _ in thing.notes), default=0)
    for about, fact in thing.notes:
        yield from _wrapped(f"  {about + ':':{longest + 2}}{fact}", width, " " * (longest + 4), first="")
    if thing.notes:
        yield ""


def _key(key: Key, width: int) -> Iterator[str]:
    default = "required" if key.default is None else f"default {key.default}" if key.default else "optional"
    yield from _wrapped(f"{key.name}: {key.allowed} ({default})", width, "      ", first="    ")
    if key.meaning:
        yield from _wrapped(key.meaning, width, "      ")
    for word, text in key.words:
        yield from _wrapped(f"{word}: {text}", width, "        ", first="      ")


def _wrapped(text: str, width: int, indent: str, *, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        " ".join(text.split()) if first is None else text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
