"""Reads a record of a cell that ran, of today's format or of an earlier one."""

from __future__ import annotations

from pathlib import Path

from lab.errors import ScenarioError
from lab.kept_file import DAMAGE, damaged, read_kept
from lab.model.scenario import Cell
from lab.record import codec
from lab.record.entry import Entry
from lab.record.events import VERSION, Event, RecordBegan
from lab.record.version_1 import Upgrade
from lab.visible_text import visible

_BEGIN = b'"ev":"record"'


def read(path: Path, cell: Cell, *, within: Path | None = None) -> list[Entry[Event]]:
    """Return the entries of a record in time order; none if there is no such file.

    A last line cut short by a kill is left out.

    Args:
        path: the file.
        cell: what was run; records of version 1 need it to be read.
        within: the run folder, out of which no link may lead; None: the file's own folder.

    Raises:
        ScenarioError: the file cannot be read, is of another version, or a line of it is damaged.
    """
    try:
        *lines, _cut = read_kept(path, within=within or path.parent).split(b"\n")
    except FileNotFoundError:
        return []
    read_line = codec.from_line if lines and _BEGIN in lines[0].replace(b" ", b"") else Upgrade(cell).line
    entries: list[Entry[Event]] = []
    for number, line in enumerate(lines, start=1):
        try:
            entries.append(read_line(line, number=number))
        except DAMAGE as problem:  # noqa: PERF203  (the line that fails is to be named)
            raise _damaged(path, number, "not a line of a record", visible(str(problem), most=200)) from problem
    if entries and isinstance(begin := entries[0].event, RecordBegan) and begin.version != VERSION:
        allowed = f"version {VERSION}, or 1; use the release of the lab that wrote it"
        raise _damaged(path, 1, f"a record of version {begin.version}", "", allowed)
    entries.sort(key=lambda entry: entry.t)
    return entries


def _damaged(
    path: Path, line: int, what: str, got: str, allowed: str = "the record of a cell that ran"
) -> ScenarioError:
    return damaged(path, what, allowed, line=line, got=got)
