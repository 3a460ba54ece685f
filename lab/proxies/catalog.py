"""Finds the proxy programs: a folder each."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import cast

from lab.model.scenario import Cell
from lab.proxies.base import ProxyProgram


@cache
def names() -> tuple[str, ...]:
    """Return their names in scenarios."""
    return tuple(sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py")))


@cache
def find(name: str) -> ProxyProgram:
    """Return the program of that name."""
    return cast("ProxyProgram", import_module(f"{__package__}.{name}").PROXY)


def proxy_of(cell: Cell) -> ProxyProgram | None:
    """Return the proxy program of a cell; None: it has none."""
    return None if cell.proxy is None else find(cell.proxy.software)
