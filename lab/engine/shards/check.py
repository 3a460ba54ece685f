"""Checks that run folders are shards of one and the same whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.engine.run_folder import SCENARIO_FILE, RunFolder
from lab.engine.shards.shard import Shard
from lab.errors import Problem, ScenarioError
from lab.kept_file import read_kept
from lab.visible_text import visible

_SAME_VERSIONS = ("lab", "sources", "record", "python", "kernel")
"""Which versions in ``run.json`` must be the same; the others are those of a shard's own cells."""
_SAME = ("clock", "backend", "twins")
_SAME_WHOLE = ("of", "seeds", "cells", "digest")
_WORDS = {"of": "number of shards", "digest": "cells, by --only, --server, or the lab's catalog", "cells": "cells"}
MOST_NAMED = 3
"""How many cells a sentence names."""


@dataclass(frozen=True)
class Part:
    """A run that is a shard.

    Attributes:
        folder: of the run.
        about: what its ``run.json`` says.
        text: of its scenario.
    """

    folder: Path
    about: dict[str, Any]
    text: bytes

    @property
    def shard(self) -> Shard:
        """The shard that it is."""
        return Shard(self.about["shard"]["number"], self.about["shard"]["of"])

    @property
    def cells(self) -> list[str]:
        """The folders of its cells in its folder."""
        return list(self.about["cells"])


def parts(folders: Sequence[Path]) -> list[Part]:
    """Return the shards in some run folders, the first one first.

    Raises:
        ScenarioError: some are none, belong to another whole than the first, or have the same cells; all problems.
    """
    found: list[Part] = []
    problems: list[Problem] = []
    for folder in folders:
        try:
            found.append(_read(folder))
        except ScenarioError as error:  # noqa: PERF203  (the problems of all)
            problems += error.problems
    for number, part in enumerate(found[1:], start=1):
        problems += _differences(found[0], part)
        problems += _doubled(found[:number], part)
    if problems:
        raise ScenarioError(problems)
    return sorted(found, key=lambda part: part.shard.number)


def in_words(cells: Sequence[str]) -> str:
    """Name some cells, and say how many more there are."""
    named = ", ".join(cells[:MOST_NAMED])
    return named if len(cells) <= MOST_NAMED else f"{named} and {len(cells) - MOST_NAMED} more"


def _read(folder: Path) -> Part:
    about = RunFolder(folder).about()
    if about.get("shard") is None:
        raise ScenarioError([Problem(str(folder), 0, "", "not a shard", allowed="use runs of `lab run --shard N/OF`")])
    try:
        text = read_kept(folder / SCENARIO_FILE, within=folder)
    except FileNotFoundError:
        text = b""
    return Part(folder, about, text)


def _differences(first: Part, part: Part) -> Iterator[Problem]:
    if part.text != first.text:
        yield _other(first, part, "scenario", "", "")
    for key in _SAME:
        got, expected = (each.about.get(key) for each in (part, first))
        if got != expected:
            long = isinstance(got, dict) or isinstance(expected, dict)
            yield _other(first, part, key, "" if long else got, "" if long else expected)
    versions, wanted = part.about.get("versions", {}), first.about.get("versions", {})
    for key in _SAME_VERSIONS:
        if versions.get(key) != wanted.get(key):
            yield _other(first, part, f"version of {key}", versions.get(key), wanted.get(key))
    for key in _SAME_WHOLE:
        got, expected = part.about["shard"][key], first.about["shard"][key]
        if got != expected:
            long = key in ("cells", "digest")
            yield _other(first, part, _WORDS.get(key, key), "" if long else got, "" if long else expected)
            return  # one of these follows from the other


def _other(first: Part, part: Part, what: str, got: object, expected: object) -> Problem:
    value = f"`{visible(str(expected), most=80)}`, as" if expected != "" else "the same as"
    wanted = f"{value} in {first.folder}"
    return Problem(str(part.folder), 0, "", f"differs in the {what}", f"`{got}`" if got != "" else "", wanted)


def _doubled(before: Sequence[Part], part: Part) -> Iterator[Problem]:
    for other in before:
        if both := [cell.removeprefix("cells/") for cell in part.cells if cell in set(other.cells)]:
            what = f"has cells that {other.folder} has as well: {in_words(both)}"
            yield Problem(str(part.folder), 0, "", what, allowed="give each shard once")
