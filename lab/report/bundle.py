"""Packs a cell and all that belongs to it into one file, to attach to a ticket.

The file is a run folder with one cell. When it is unpacked, ``lab why`` and ``lab report`` work on it, and ``lab run``
runs the cell again.
"""

from __future__ import annotations

import json
import posixpath
import shlex
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lab import __version__
from lab.engine.about import RUN_FILE
from lab.engine.cell_run import CellRun
from lab.engine.run import Run
from lab.engine.run_folder import SCENARIO_FILE
from lab.errors import LabError
from lab.kept_file import read_kept
from lab.loader.yaml_lines import read_yaml
from lab.model.scenario import Cell
from lab.model.topology import Topology
from lab.report.explanation import explain
from lab.visible_text import visible

README = "README.txt"

_DATE = (1980, 1, 1, 0, 0, 0)
"""The first that a zip file can say: so that the same cell gives the same file."""


def write(run: Run, cell: CellRun, path: Path) -> None:
    """Write the bundle of a cell.

    Args:
        run: with the cell.
        cell: of the run.
        path: of the zip file, which is made anew.

    Raises:
        ScenarioError: a file of the run is damaged.
        OSError: the file cannot be written.
    """
    new = path.with_name(f".{path.name}.new")
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as file:
            for name, content in _contents(run, cell):
                about = zipfile.ZipInfo(f"{path.stem}/{name}", _DATE)
                about.compress_type = zipfile.ZIP_DEFLATED
                about.external_attr = 0o644 << 16
                file.writestr(about, content)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


def again(run: Run, cell: Cell) -> str:
    """Return the command that runs the cell again, from the folder of the bundle.

    Empty: the scenario does not have it, because a search asked for it.
    """
    if _read_about(run).get("search"):
        return ""
    only = [f"--only={axis}={label}" for axis, label in cell.axes]
    return shlex.join(["lab", "run", SCENARIO_FILE, *only, f"--seed={cell.seed}", f"--server={cell.server.software}"])


def _contents(run: Run, cell: CellRun) -> Iterator[tuple[str, bytes]]:
    """Yield the files, by their names in the bundle, in a fixed order."""
    members = [cell, *(twin for _, twin in cell.twins), *([cell.silent] if cell.silent is not None else [])]
    folders = {each.folder for each in members}
    for each in members:  # the records that they share
        if each.shared_with:
            folders.add(run.folder / each.shared_with)
    yield README, _readme(run, cell).encode()
    yield SCENARIO_FILE, read_kept(run.folder / SCENARIO_FILE, within=run.folder)
    yield _topology_file(run, cell.cell.topology), _topology(cell.cell.topology).encode()
    yield RUN_FILE, _about(run, cell, folders).encode()
    for folder in sorted(folders):
        for file in sorted(folder.iterdir()):
            if file.is_file() and not file.name.startswith("."):
                yield str(file.relative_to(run.folder)), read_kept(file, within=run.folder)


def _about(run: Run, cell: CellRun, folders: set[Path]) -> str:
    """Return ``run.json``, of these cells alone."""
    about = _read_about(run)
    names = {str(folder.relative_to(run.folder)) for folder in folders}
    about["cells"] = [str(cell.folder.relative_to(run.folder))]
    about["errors"] = {name: error for name, error in about.get("errors", {}).items() if name in names}
    return json.dumps(about, indent=2) + "\n"


def _read_about(run: Run) -> dict[str, Any]:
    about: dict[str, Any] = json.loads(read_kept(run.folder / RUN_FILE, within=run.folder))
    return about


def _readme(run: Run, cell: CellRun) -> str:
    result = cell.result
    told = (
        [f"{cell.name}: {result.side} error: {result}"] if isinstance(result, LabError) else explain(cell.cell, result)
    )
    lines = [
        f"{run.scenario.title} ({run.scenario.name}), {run.clock} time, {run.backend}, lab {__version__}",
        "",
        *told,
        "",
        "In this folder:",
        "",
        f"    lab why --run . {shlex.quote(cell.name)}",
        *([f"    {command}"] if (command := again(run, cell.cell)) else []),
        "",
        f"Wireshark opens cells/{cell.name}/cell.pcapng, decrypted. Logs and captures are those of the",
        "lab's own client and server, unless the scenario runs a client of its author.",
    ]
    return "\n".join(visible(line, most=1000) for line in lines) + "\n"


def _topology_file(run: Run, topology: Topology) -> str:
    """Return where the scenario looks for its topology; a path that leads out of its folder is not kept."""
    root = read_yaml(run.scenario.text, SCENARIO_FILE, [])
    named = None if root is None else root.get("topology")
    path = posixpath.normpath(str(named.value)) if named is not None else ""
    if path.endswith(".yaml") and not path.startswith(("/", "..")):
        return path
    return f"topologies/{topology.name}.yaml"


def _topology(topology: Topology) -> str:
    """Return the topology as a file, which a scenario finds by its name."""
    nodes = []
    for node in topology.nodes:
        sides = f", inside: {node.inside}, outside: {node.outside}" if node.inside else ""
        nodes.append(f"  {node.name}: {{ role: {node.role.value}{sides} }}")
    links = []
    for link in topology.links:
        ends = ", ".join(f"{node}: {address}" for node, address in link.ends)
        links.append(f"  {link.name}: {{ {ends} }}")
    return "\n".join(["nodes:", *nodes, "links:", *links]) + "\n"
