"""Finds the format of a file: each module beside this one is a format; ``lab.importing`` says what it must have."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Protocol, cast

from lab.importing.facts import Fact
from lab.importing.source import HEAD, Source


class Format(Protocol):
    """A module that reads one format."""

    NAME: str

    def recognises(self, head: bytes) -> bool:
        """Return whether a file that begins so is one."""
        ...

    def read(self, source: Source) -> Iterator[Fact]:
        """Yield the facts of a file."""
        ...


@functools.cache
def all_formats() -> tuple[Format, ...]:
    """Return all formats, by name of their modules."""
    names = sorted(each.name for each in pkgutil.iter_modules(__path__))
    return tuple(cast("Format", importlib.import_module(f"{__name__}.{name}")) for name in names)


def format_of(source: Source) -> Format:
    """Return the format of a file.

    Raises:
        ScenarioError: it cannot be read, or is none that the lab knows.
    """
    try:
        if not source.path.is_file():
            raise source.problem("no such file" if not source.path.exists() else "not a file")
        with source.path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise source.problem(f"cannot be read: {error.strerror}") from None
    for each in all_formats():
        if each.recognises(head):
            return each
    known = ", ".join(each.NAME for each in all_formats())
    raise source.problem("empty" if not head else "of no format that the lab can import", allowed=f"one of {known}")
