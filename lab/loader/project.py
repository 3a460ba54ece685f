"""Where a scenario's files are: in the project it belongs to, or among those that come with the lab.

A project's root is the nearest folder above the scenario that has a ``topologies`` folder. A topology is the name of a
file in there, or else of one of the lab's own, or a path relative to the scenario; nothing else outside the root is
read (without a root: outside the scenario's folder).
"""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

import lab
from lab.errors import Problem
from lab.loader.check import choice, value_of
from lab.loader.networks import read_topology
from lab.loader.yaml_lines import Node
from lab.model.rules import LONGEST_LABEL, Text, is_name
from lab.model.topology import Topology

_FOLDER = "topologies"
_OWN = Path(lab.__file__).resolve().parent.parent / _FOLDER
"""Of those that come with the lab: beside the package, in a checkout as in the image of the whole lab."""


def topology_of(root: Node, scenario: Path, problems: list[Problem]) -> Topology | None:
    """Find and read the topology that a scenario names; None, with problems added, if that cannot be.

    Args:
        root: the scenario.
        scenario: its file.
        problems: where problems go.
    """
    node = root.get("topology")
    if node is None:
        problems.append(Problem(root.file, 0, "topology", "missing", allowed="the name of a network"))
        return None
    if value_of(Text, node, problems) is None:
        return None
    try:
        file = _find(node, str(node.value), scenario, problems)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        problems.append(node.problem(f"cannot be read: {error}"))
        return None
    return None if file is None else read_topology(file, _shown(file, scenario), problems)


def own_topologies() -> dict[str, Path]:
    """The networks that come with the lab, by name."""
    return {path.stem: path for path in sorted(_OWN.glob("*.yaml"))}


def own_scenarios() -> dict[str, Path]:
    """Return the scenarios that come with the lab, by name, such as ``article/idle-subscription``."""
    folder = _OWN.parent / "scenarios"
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def scenario_name(path: Path) -> str:
    """Return a scenario's name, which becomes part of folder names, made from whatever its file is called."""
    stem = path.stem
    if is_name(stem, longest=LONGEST_LABEL):
        return stem
    plain = unicodedata.normalize("NFKD", stem.casefold()).encode("ascii", "ignore").decode("ascii")
    words = re.sub(r"[^a-z0-9]+", "-", plain)
    return words.strip("-")[:LONGEST_LABEL].strip("-") or "scenario"


def _find(node: Node, text: str, scenario: Path, problems: list[Problem]) -> Path | None:
    home = scenario.resolve().parent
    project = next((folder for folder in (home, *home.parents) if (folder / _FOLDER).is_dir()), None)
    limit = project or home
    if "/" in text or text.endswith(".yaml"):
        file = (home / text).resolve()
    else:
        folder = _folder_with(text, [project / _FOLDER, _OWN] if project else [_OWN])
        if folder is None:
            names = sorted({*_names(_OWN), *(_names(project / _FOLDER) if project else ())})
            problems.append(node.problem("unknown topology", allowed=choice(text, names)))
            return None
        file = (folder / f"{text}.yaml").resolve()
        limit = _OWN if folder == _OWN else limit
    if not file.is_relative_to(limit) or Path(text).is_absolute():
        what = "a path that leaves the project" if project else "a path that leaves the scenario's folder"
        problems.append(node.problem(what, allowed="the name of a file in `topologies`, or a path below"))
    elif not is_name(file.stem, longest=LONGEST_LABEL):
        allowed = "a file name of lower-case letters, digits and `-`"
        problems.append(node.problem("not a name for a topology", allowed=allowed))
    elif not file.is_file():
        problems.append(node.problem("no such file", allowed="a path relative to the scenario"))
    else:
        return file
    return None


def _names(folder: Path) -> list[str]:
    return [path.stem for path in folder.glob("*.yaml")]


def _folder_with(name: str, folders: list[Path]) -> Path | None:
    return next((folder for folder in folders if name in _names(folder)), None)


def _shown(file: Path, scenario: Path) -> str:
    """The file as the user would name it who named the scenario."""
    return os.path.normpath(scenario.parent / os.path.relpath(file, scenario.resolve().parent))
