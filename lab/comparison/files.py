"""Finds the formats of a comparison, each a module of ``lab.comparison.formats``."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from lab.comparison import formats as folder
from lab.comparison.changes import Kind
from lab.comparison.compare import Comparison


class Format(Protocol):
    """A module of ``lab.comparison.formats``."""

    OPTION: str
    """The option of ``lab compare`` that writes it, without dashes."""

    def render(self, comparison: Comparison, fail_on: Iterable[Kind]) -> str:
        """Return the text of the file."""


@cache
def formats() -> dict[str, Format]:
    """Return the formats there are by their options."""
    names = sorted(path.stem for path in Path(str(folder.__file__)).parent.glob("[!_]*.py"))
    modules = (cast("Format", import_module(f"{folder.__name__}.{name}")) for name in names)
    return {module.OPTION: module for module in modules}
