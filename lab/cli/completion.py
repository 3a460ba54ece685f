"""Completes names for the shell: scenario files, strategies, profiles, values of ``--only``.

Each function is called by typer with what has been typed of a word, and returns what it can become. None of them prints
or fails: a shell that waits for an answer has no place for an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab.errors import LabError


def scenario(ctx: Any, incomplete: str) -> list[str]:
    """Return folders and scenario files, and scenarios that come with the lab.

    bash breaks words at ``=``, so that ``--only strategy=n`` comes as three words; the last two look like files.
    """
    only = list(ctx.params.get("only") or ())
    if only and "=" not in only[-1] and (values := [value for name, value in _values(ctx) if name == only[-1]]):
        return _those(values, incomplete.removeprefix("="))
    return [*_files(incomplete), *_library(incomplete)]


def strategy(incomplete: str) -> list[str]:
    """Return strategies of the catalog."""
    from lab.loader import catalog

    return _those(catalog.strategy_names(), incomplete)


def middlebox(incomplete: str) -> list[str]:
    """Return middleboxes of the catalog."""
    from lab.loader import catalog

    return _those(catalog.middlebox_names(), incomplete)


def clients(incomplete: str) -> list[str]:
    """Return clients that the lab has, and their releases."""
    from lab.clients import catalog

    return _those(list(catalog.with_releases()), incomplete)


def failure(incomplete: str) -> list[str]:
    """Return what can go wrong in a scenario of ``lab init``."""
    from lab.starter.failures import failures

    return _those(list(failures()), incomplete)


def faults(incomplete: str) -> list[str]:
    """Return kinds of faults, the last of a list with commas."""
    from lab.faults.catalog import classes

    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _those(list(classes()), last)]


def anything(incomplete: str) -> list[str]:
    """Return whatever ``lab show`` can show."""
    from lab.reference.things import all_names

    return _those(all_names(), incomplete)


def axis_value(ctx: Any, incomplete: str) -> list[str]:
    """Return ``AXIS=VALUE`` of the scenarios on the command line: first the axes, then the values of one."""
    axis, equals, _ = incomplete.partition("=")
    values = list(_values(ctx))
    if not equals:
        return _those(list(dict.fromkeys(f"{name}=" for name, _ in values)), incomplete)
    return _those([f"{name}={value}" for name, value in values if name == axis], incomplete)


def cell(ctx: Any, incomplete: str) -> list[str]:
    """Return the cells of the run that ``lab why`` is to explain."""
    folder = Path(ctx.params.get("run") or "runs/latest")
    return _those(sorted(path.name for path in folder.glob("cells/*") if path.is_dir()), incomplete)


def scenario_or_topology(ctx: Any, incomplete: str) -> list[str]:
    """Return what ``lab up`` can bring up."""
    from lab import library

    return [*_those(list(library.topologies()), incomplete), *scenario(ctx, incomplete)]


def live_lab(incomplete: str) -> list[str]:
    """Return the names of the labs that are up."""
    from lab.live_lab import registry

    return _those([entry.name for entry in registry.up()], incomplete)


def node(ctx: Any, incomplete: str) -> list[str]:
    """Return the nodes of the lab that is up."""
    entry = _live_lab(ctx)
    return _those([] if entry is None else list(entry.nodes), incomplete)


def link(ctx: Any, incomplete: str) -> list[str]:
    """Return the links of the lab that is up."""
    entry = _live_lab(ctx)
    return _those([] if entry is None else list(entry.links), incomplete)


def injected(ctx: Any, incomplete: str) -> list[str]:
    """Return kinds of faults; behind one its keys, and of those that name a node or a link the values."""
    import dataclasses

    from lab.faults.catalog import classes
    from lab.model.rules import kebab

    given = list(ctx.params.get("fault") or ctx.args)
    if not given or (cls := classes().get(given[0])) is None:
        return _those(list(classes()), incomplete)
    keys = [kebab(field.name) for field in dataclasses.fields(cls) if field.init and field.name != "at"]
    entry = _live_lab(ctx)
    named = {} if entry is None else {"node": list(entry.nodes), "link": list(entry.links)}
    values = [f"{key}={value}" for key in keys for value in named.get(key, [""])]
    return _those(values, incomplete)


def _live_lab(ctx: Any) -> Any:
    from lab.live_lab import registry

    entry = registry.read(str(ctx.params.get("lab") or registry.DEFAULT))
    return entry if entry is not None and entry.is_alive else None


def _values(ctx: Any) -> Iterator[tuple[str, str]]:
    """Yield the axes and values of the scenarios on the command line; a file that is wrong has none."""
    from lab.loader.load import load

    for file in _given(ctx):
        try:
            cells = load(Path(file)).cells
        except LabError:
            continue
        yield from dict.fromkeys(axis for each in cells for axis in each.axes)


def _given(ctx: Any) -> list[str]:
    """Return the scenarios on the command line; they are not parsed yet where an option behind them lacks its value."""
    found = ctx.params.get("files") or ctx.params.get("file") or ctx.args
    return [str(each) for each in ([found] if isinstance(found, (str, Path)) else found)]


def _files(incomplete: str) -> list[str]:
    folder, _, begun = incomplete.rpartition("/")
    start = f"{folder}/" if "/" in incomplete else ""
    found = []
    try:
        for path in sorted(Path(start or ".").iterdir()):
            if path.name.startswith(begun) and (begun or not path.name.startswith(".")):
                if path.is_dir():
                    found.append(f"{start}{path.name}/")
                elif path.suffix == ".yaml":
                    found.append(f"{start}{path.name}")
    except OSError:
        return []
    return found


def _library(incomplete: str) -> list[str]:
    from lab import library

    return _those(list(library.scenarios()), incomplete)


def _those(names: list[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
