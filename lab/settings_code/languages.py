"""Finds the languages, one per module of this package that has a ``LANGUAGE``, and writes a strategy in each."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, TypedDict, cast

from lab.model.scenario import Strategy

_NO_LANGUAGES = {"languages", "noted"}


class Snippet(TypedDict):
    """The settings of a strategy in one language.

    Attributes:
        language: its name, as ``lab show STRATEGY --code`` takes it.
        title: for whom it is, in a line.
        code: what to paste.
        note: what the code cannot do, in sentences; may be empty.
    """

    language: str
    title: str
    code: str
    note: str


class Language(Protocol):
    """A module of this package.

    Attributes:
        LANGUAGE: its name.
    """

    LANGUAGE: str

    def snippet(self, strategy: Strategy) -> Snippet | None:
        """Return the settings of a strategy; None: it has none for this side."""


@cache
def languages() -> dict[str, Language]:
    """Return the languages by name, in the order of their modules' names."""
    names = sorted({path.stem for path in Path(__file__).parent.glob("[!_]*.py")} - _NO_LANGUAGES)
    found = (cast("Language", import_module(f"{__package__}.{name}")) for name in names)
    return {each.LANGUAGE: each for each in found}


def snippets(strategy: Strategy) -> tuple[Snippet, ...]:
    """Return a strategy in each language that has settings for it."""
    written = (language.snippet(strategy) for language in languages().values())
    return tuple(each for each in written if each is not None)
