"""Implements ``lab cache``: shows and removes what is kept of cells that ran."""

from __future__ import annotations

import json as json_text
import sys
import time
from collections import defaultdict

from rich.table import Table

from lab.engine.cache import store
from lab.engine.cache.sources import NOT_IN_A_WORLD, NOT_JUDGING, Sources
from lab.engine.cache.store import Entry
from lab.errors import Problem, ScenarioError
from lab.report import terminal
from lab.units import Bytes, Seconds, counted, short_time


def show(*, json: bool) -> None:
    """Print where the cache is and what is in it; ``*`` marks what this lab uses."""
    root, used = store.place(), _used()
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in store.entries(root) if root else ():
        groups[entry.kind, entry.sources].append(entry)
    if json:
        found = [
            {"kind": kind, "sources": sources, "used": (kind, sources) in used, **_figures(those)}
            for (kind, sources), those in sorted(groups.items())
        ]
        told = {"folder": None if root is None else str(root), "most_bytes": store.MOST_BYTES, "groups": found}
        sys.stdout.write(json_text.dumps(told, indent=2) + "\n")
        return
    console = terminal.console(stderr=False)
    if root is None:
        console.print(f"no cache: {store.VARIABLE}={store.OFF}")
        return
    total = sum(entry.size for those in groups.values() for entry in those)
    entries = counted(sum(map(len, groups.values())), "entry", "entries")
    console.print(
        f"{root}: {entries}, {Bytes(total)} of at most {Bytes(store.MOST_BYTES)}", soft_wrap=True, markup=False
    )
    if not groups:
        return
    table = Table("", "of", "lab's sources", "entries", "size", "last used", box=None, pad_edge=False)
    for (kind, sources), those in sorted(groups.items()):
        figures = _figures(those)
        ago = short_time(max(0.0, time.time() - max(entry.used for entry in those)))
        mark = "*" if (kind, sources) in used else ""
        table.add_row(mark, kind, sources, f"{figures['entries']:,}", str(Bytes(figures["bytes"])), f"{ago} ago")
    console.print(table)
    console.print("* of this lab's sources; `lab cache prune` removes the others", style="dim")


def prune(*, older_than: str, to: str, everything: bool) -> None:
    """Remove entries: of other sources, and what the options say besides.

    Raises:
        ScenarioError: an option is wrong; nothing was removed.
        HostNotCapable: an entry cannot be removed.
    """
    age, size = _options(older_than, to)
    root = store.place()
    found = [] if root is None else store.entries(root)
    if everything:
        unwanted = found
    elif age is None and size is None:
        used = _used()
        unwanted = [entry for entry in found if (entry.kind, entry.sources) not in used]
    else:
        unwanted = [entry for entry in found if age is not None and entry.used < time.time() - age]
        left = [entry for entry in found if entry not in unwanted]
        unwanted += [] if size is None else store.oldest_beyond(left, int(size))
    removed = store.remove(unwanted)
    console = terminal.console(stderr=False)
    if removed:
        freed = Bytes(sum(entry.size for entry in removed))
        console.print(f"removed {counted(len(removed), 'entry', 'entries')}, {freed}", soft_wrap=True)
    else:
        console.print("nothing to remove")


def _options(older_than: str, to: str) -> tuple[Seconds | None, Bytes | None]:
    problems, age, size = [], None, None
    try:
        age = Seconds(Seconds.parse(older_than)) if older_than else None
    except ValueError as problem:
        problems.append(_problem("--older-than", older_than, problem))
    try:
        size = Bytes(Bytes.parse(to)) if to else None
    except ValueError as problem:
        problems.append(_problem("--to", to, problem))
    if problems:
        raise ScenarioError(problems)
    return age, size


def _problem(option: str, got: str, problem: ValueError) -> Problem:
    what, _, allowed = str(problem).partition("; ")
    return Problem(option, 0, "", what, f"`{got}`", allowed)


def _used() -> set[tuple[str, str]]:
    return {(store.RECORDS, Sources(NOT_IN_A_WORLD).digest), (store.JUDGEMENTS, Sources(NOT_JUDGING).digest)}


def _figures(those: list[Entry]) -> dict[str, int]:
    return {"entries": len(those), "bytes": sum(entry.size for entry in those)}
