"""Formats the reference of scenario files as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.reference.chapters import Chapter, Key, ReferenceEntry, chapters

HEAD = """\
# What a scenario can say

Printed by `lab reference` from the very classes that read scenarios; `lab reference NAME…` prints parts of it. Times
are written with their unit: `300 ms`, `25 s`, `2 min`, `1 h`.
"""


def markdown(names: tuple[str, ...] = ()) -> str:
    """Return the whole reference, or only the entries of these names, which are of ``all_names``."""
    if not names:
        return "\n".join([HEAD, *(line for chapter in chapters() for line in _chapter(chapter))]).rstrip() + "\n"
    found = ((chapter, thing) for chapter in chapters() for thing in chapter.things if thing.name in names)
    lines = (line for chapter, thing in found for line in _thing(thing, f"{chapter.title}: {thing.name}"))
    return "\n".join(lines).rstrip() + "\n"


def all_names() -> list[str]:
    """Return the names of all entries."""
    return list(dict.fromkeys(thing.name for chapter in chapters() for thing in chapter.things))


def _chapter(chapter: Chapter) -> Iterator[str]:
    yield from (f"## {chapter.title}", "")
    if chapter.what:
        yield from (chapter.what, "")
    if any(thing.keys or thing.notes for thing in chapter.things):
        for thing in chapter.things:
            yield from _thing(thing, thing.name)
    else:
        yield from (*(f"- `{thing.name}`: {thing.what}" for thing in chapter.things), "")


def _thing(thing: ReferenceEntry, heading: str) -> Iterator[str]:
    yield from (f"### {heading}", "")
    if thing.what:
        yield from (thing.what, "")
    if thing.notes:
        yield from (*(f"- {about}: {fact}" for about, fact in thing.notes), "")
    if thing.keys:
        yield from (*key_table(thing.keys), "")


def key_table(keys: Iterable[Key]) -> Iterator[str]:
    """Yield the lines of a table of keys."""
    yield from ("| key | takes | default | meaning |", "|---|---|---|---|", *map(_row, keys))


def _row(key: Key) -> str:
    default = "**required**" if key.default is None else f"`{key.default}`" if key.default else ""
    words = "; ".join(f"`{word}`: {text.rstrip('.')}" for word, text in key.words)
    meaning = " ".join(part for part in (key.meaning, words and f"{words}.") if part)
    return f"| `{key.name}` | {_cell(key.allowed)} | {default} | {_cell(meaning)} |"


def _cell(text: str) -> str:
    return text.replace("\n\n", " ").replace("|", "\\|")
