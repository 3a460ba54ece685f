"""Decides which cells of a run wait for others, and which files they then share."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from lab.engine.cache.judgements import Judgement, judgement_of
from lab.engine.sharing.course import Course
from lab.engine.sharing.world import digest, named_alike
from lab.kept_file import read_note
from lab.model.middlebox import Middlebox
from lab.model.scenario import Cell
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.runner import cell_file

SHARED_FILE = "shared.json"
"""In the folder of a cell that has another's record: the folder in the run folder of the one that ran."""

OWN_FILES = ("twin.json", SHARED_FILE, cell_file.FILE_NAME)
"""What a folder has for itself."""


@dataclass(frozen=True)
class _Member:
    folder: Path
    cell: Cell
    silent: bool


@dataclass
class _World:
    """Cells with the same digest."""

    waiting: list[_Member] = field(default_factory=list)
    ran: list[_Member] = field(default_factory=list)
    running: _Member | None = None


class Sharing:
    """The worlds of one run.

    Args:
        run: its folder.
        names: whether cells share that differ in names alone; else none do.
        timers: whether cells share that differ in timers, too. Then the first must have run before the others begin,
            for which real time has no time.
    """

    def __init__(self, run: Path, *, names: bool, timers: bool) -> None:
        self._run = run
        self._names = names
        self._timers = timers
        self._worlds: dict[str, _World] = {}
        self._of: dict[Path, _World] = {}
        self._known: dict[Path, Judgement | None] = {}
        self._courses: dict[Path, Course] = {}

    def add(self, folder: Path, cell: Cell, *, silent: bool = False) -> None:
        """Take a cell that is to be run, or to share a record; ``silent``: nothing but its traffic will be read."""
        key = f"{silent} {digest(cell, silent=silent, timers=self._timers)}" if self._names else str(folder)
        world = self._of[folder] = self._worlds.setdefault(key, _World())
        world.waiting.append(_Member(folder, cell, silent))

    def due(self) -> list[Path]:
        """Return the folders of cells that are to be run now, in the order in which they were added.

        Of cells that may share a record the one runs first whose middlebox forgets last.
        """
        chosen = []
        for world in self._worlds.values():
            if world.running is None and world.waiting:
                world.running = max(world.waiting, key=lambda member: _patience(member.cell))
                world.waiting.remove(world.running)
                chosen.append(world.running.folder)
        return chosen

    def ended(self, folder: Path, *, well: bool) -> None:
        """Take note that a cell has run; ``well``: to its end."""
        world = self._of[folder]
        if world.running is not None and world.running.folder == folder:
            if well:
                world.ran.append(world.running)
            world.running = None

    def settle(self) -> Iterator[tuple[Path, Path]]:
        """Give each waiting cell a record that holds for it, if there is one; yield its folder and whose it is."""
        for world in list(self._worlds.values()):
            for member in tuple(world.waiting) if world.ran else ():
                source = next((ran for ran in world.ran if self._holds(ran, member)), None)
                if source is not None:
                    world.waiting.remove(member)
                    self._share(source.folder, member.folder)
                    yield member.folder, source.folder

    def _holds(self, ran: _Member, member: _Member) -> bool:
        if named_alike(ran.cell) == named_alike(member.cell):
            return True
        if ran.folder not in self._known:
            self._known[ran.folder] = judgement_of(ran.folder)
        known = self._known[ran.folder]
        other = digest(member.cell, silent=ran.silent, timers=False)
        answer = partial(self._holds_for, ran, member.cell)
        return answer() if known is None else known.value(f"holds for {other}, silent: {ran.silent}", answer)

    def _holds_for(self, ran: _Member, cell: Cell) -> bool:
        if ran.folder not in self._courses:
            evidence = Evidence(ran.cell, reader.read(ran.folder / FILE_NAME, ran.cell))
            self._courses[ran.folder] = Course(evidence, silent=ran.silent)
        return self._courses[ran.folder].holds_for(cell)

    def _share(self, source: Path, folder: Path) -> None:
        shutil.copytree(
            source, folder, copy_function=_link, ignore=lambda _, names: {*OWN_FILES} & {*names}, dirs_exist_ok=True
        )
        text = json.dumps({"with": str(source.relative_to(self._run))})
        (folder / SHARED_FILE).write_text(text + "\n", encoding="utf-8")


def shared_with(folder: Path) -> str:
    """Return the folder, in the run folder, of the cell whose record this one shares; empty: it has its own.

    Raises:
        ValueError: the file that says so is damaged.
        ScenarioError: it is no file, or cannot be read.
    """
    return read_note(folder / SHARED_FILE, "with", within=folder.parent.parent)


def _link(source: str, target: str) -> None:
    """Give a file a second name; copy it where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _patience(cell: Cell) -> tuple[float, float]:
    """Return after what time a cell's middleboxes forget a TCP flow, and any flow: the shortest of each."""
    boxes = [box for _, box in cell.middleboxes]
    established = min((_established(box) for box in boxes), default=0.0)
    return established, min((min(box.udp_mapping_timer, box.new_udp_timer) for box in boxes), default=0.0)


def _established(box: Middlebox) -> float:
    return float("inf") if box.established_idle_timeout is None else float(box.established_idle_timeout)
