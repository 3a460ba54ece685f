"""Reads ``run.json``, which says what was run and how, and checks all of it that anybody relies on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import msgspec

from lab.kept_file import damaged, read_kept
from lab.visible_text import visible

RUN_FILE = "run.json"
FORMAT = 1
"""Of the file."""

_NAME = r"(?!\.{1,2}$)[^/\x00]+$"
_CellFolder = Annotated[str, msgspec.Meta(pattern=f"^cells/{_NAME}")]
_CellName = Annotated[str, msgspec.Meta(pattern=f"^{_NAME}")]


_SharePercent = Annotated[float, msgspec.Meta(gt=0, le=100)]


class _Scenario(msgspec.Struct):
    """The scenario, as a report describes it; ``population`` is the share of each middlebox in percent."""

    name: str
    file: str
    title: str
    why: str
    source: str
    population: dict[str, _SharePercent] = {}


class _Error(msgspec.Struct):
    """The error that ended a cell early; ``missing`` and ``fix`` are set if this machine was at fault."""

    side: str
    text: str
    missing: str = ""
    fix: str = ""


class _Shard(msgspec.Struct):
    """The part of a scenario that was run, and the whole."""

    number: int
    of: int
    cells: list[_CellName]
    seeds: list[int]
    digest: str


class _About(msgspec.Struct):
    """The file; other keys are for people."""

    format: int
    scenario: _Scenario
    cells: list[_CellFolder]
    clock: str = ""
    backend: str = ""
    finished: bool | None = None
    errors: dict[str, _Error] = {}
    versions: dict[str, Any] = {}
    left: list[str] = []
    shard: _Shard | None = None


def read_about(folder: Path) -> dict[str, Any]:
    """Return what ``run.json`` says; empty where a release before there was one has written the folder.

    Raises:
        ScenarioError: the folder is not a run's, or its ``run.json`` is damaged.
    """
    path = folder / RUN_FILE
    try:
        data = read_kept(path, within=folder)
    except FileNotFoundError:
        if (folder / "cells").is_dir():
            return {}
        allowed = f"use the folder of a run, which has a {RUN_FILE}"
        raise damaged(folder, "not a run's folder", allowed) from None
    try:
        about = json.loads(data)
        if isinstance(about, dict) and about.get("format", FORMAT) != FORMAT:
            got = visible(str(about["format"]), most=40)
            allowed = f"expected {FORMAT}, or the release of the lab that wrote it"
            raise damaged(path, "of another format", allowed, got=got)
        msgspec.convert(about, _About)
    except (ValueError, RecursionError) as problem:
        got = visible(str(problem), most=200)
        raise damaged(path, "not what a run writes there", "use the folder of a run", got=got) from problem
    return dict(about)
