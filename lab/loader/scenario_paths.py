"""Finds the files of a scenario: in its project, or among those that come with the lab.

A project's root is the nearest folder above the scenario that has a ``topologies`` folder. A topology is the name of a
file in there, or else of one of the lab's own, or a path relative to the scenario; nothing else outside the root is
read (without a root: outside the scenario's folder).
"""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from pathlib import Path

from lab import library
from lab.errors import Problem
from lab.loader.conversion import choice, value_of
from lab.loader.topologies import read_topology
from lab.loader.yaml_lines import Node
from lab.model.rules import LONGEST_LABEL, Text, is_name
from lab.model.topology import Topology

_FOLDER = "topologies"
_EXAMPLE = "article/idle-subscription"
_OWN = library.topologies_folder()


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
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "a loop of links"
        problems.append(node.problem(f"cannot be read: {reason.lower()}"))
        return None
    return None if file is None else read_topology(file, _shown(file, scenario), problems)


def scenario_file(path: Path, problems: list[Problem]) -> Path | None:
    """Return the file that a user means by a path or by the name of a scenario that comes with the lab.

    A file that is there goes before a scenario of that name. None, with a problem added, if there is neither.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError):
        return path  # reading it says what is wrong with it
    else:
        return path
    known = library.scenarios()
    if (found := known.get(str(path))) is not None:
        return found
    close = difflib.get_close_matches(library.scenario_name(str(path)), known, n=1)
    meant = f"did you mean `{close[0]}`? " if close else ""
    allowed = f"{meant}expected a file, or the name of a scenario that comes with the lab, such as `{_EXAMPLE}`"
    problems.append(Problem(str(path), 0, "", "no such file or scenario", allowed=allowed))
    return None


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
    """Return the file's path as the user would write it."""
    return os.path.normpath(scenario.parent / os.path.relpath(file, scenario.resolve().parent))
