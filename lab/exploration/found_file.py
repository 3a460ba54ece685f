"""Writes a finding as a scenario file that shows it again. Text in, text out."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from textwrap import wrap
from typing import Any

from lab import library
from lab.errors import ScenarioError
from lab.exploration.invariant import Breach
from lab.exploration.starts import Start
from lab.exploration.timeline import Limits, Timeline, cell_of, kind_of
from lab.loader.load import load_text
from lab.loader.topologies import read_topology
from lab.model.fault import Fault
from lab.model.impairment import Impairment
from lab.model.rules import kebab
from lab.model.scenario import Scenario
from lab.model.topology import Topology
from lab.model.when import When
from lab.units import Quantity, counted

WIDTH = 118
"""Of a line of prose, with its indent less than the lab's longest line."""
AXES = ("transport", "server", "client", "pjsip", "middlebox", "strategy")
AS_WRITTEN = ("radio", "costs-over")
"""Keys that a found scenario has as the one that the search began with."""


@dataclasses.dataclass(frozen=True, slots=True)
class Story:
    """The course of the search that found a timeline.

    Attributes:
        seed: of the search.
        shrunk_from: how many things went wrong in the timeline that was met first.
        cells: how many cells it took to shrink it.
    """

    seed: int
    shrunk_from: int
    cells: int


def text_of(
    scenario: Scenario, start: Start, timeline: Timeline, breach: Breach, limits: Limits, story: Story
) -> tuple[str, dict[str, str]]:
    """Return the text of a scenario file, and what must lie beside it: texts by relative path.

    Args:
        scenario: with which the search began.
        start: the cell to which it happens.
        timeline: what happens.
        breach: what does not hold then.
        limits: of the search.
        story: how it was found.
    """
    written = _written(scenario.text)
    cell = cell_of(start.cell, timeline, limits, "found")
    beside: dict[str, str] = {}
    topology = cell.topology.name
    if not _is_the_labs(cell.topology):
        beside[f"topologies/{topology}.yaml"] = _yaml(_topology(cell.topology))
    parts: dict[str, Any] = {"seed": cell.seed, "topology": topology}
    parts |= {key: _axis(key, written, scenario, start) for key in AXES}
    parts |= {key: written.get(key) for key in AS_WRITTEN}
    if "client" in parts and isinstance(parts["client"], Mapping):
        parts["client"] = _with_absolute_paths(parts["client"], cell.folder)
    verdict = {"verdict": "fail", "cause": breach.cause} if breach.is_loss else {"verdict": "pass"}
    lines = [
        f"title: {_flow(title(start, timeline))}",
        "why: |",
        *(f"  {line}" if line else "" for line in _why(timeline, breach, limits, story)),
        "",
        *(f"{key}: {_flow(value)}" for key, value in parts.items() if value is not None),
    ]
    lines += _list("faults", (fault_keys(fault) for fault in timeline.faults))
    lines += _list("impairments", (impairment_keys(each) for each in cell.impairments))
    lines += _list("probes", (_fields(probe) for probe in cell.probes))
    lines += [f"ends: {cell.ends}", *_list("claims", [verdict])]
    return "\n".join(lines) + "\n", beside


def title(start: Start, timeline: Timeline) -> str:
    """Return one line about a finding."""
    return f"{start.cell.strategy.name} against {what_happens(timeline)}"


def what_happens(timeline: Timeline) -> str:
    """Return what goes wrong in a timeline, in a few words."""
    told = [_told(fault) for fault in timeline.faults]
    if timeline.impairments:
        told.append(f"a bad link ({', '.join(sorted(_ends(timeline.impairments)))})")
    return " and ".join(told) if told else "no fault at all"


def _told(fault: Fault) -> str:
    lasts = float(getattr(fault, "lasts_s", 0.0))
    return f"{kind_of(fault)} at {fault.at}" + (f" for {lasts:g} s" if 0 < lasts < float("inf") else "")


def _ends(impairments: Iterable[Impairment]) -> set[str]:
    return {"—".join(sorted((each.from_, each.to))) for each in impairments}


def _why(timeline: Timeline, breach: Breach, limits: Limits, story: Story) -> list[str]:
    """Return the story of a finding, in lines."""
    over = f"The last fault is over at {timeline.over_s:g} s." if timeline.faults else "No fault is needed."
    due_s = timeline.over_s + limits.recovers_within_s
    due = f"From {due_s:g} s on the client should be reachable at every moment."
    if not breach.is_loss:
        due += " It is; but a client should also keep nothing that it does not need, and not spin."
    after = f" It was shrunk from {story.shrunk_from}, in {counted(story.cells, 'cell')}." if story.cells else ""
    found = f"`lab explore` found this with seed {story.seed}.{after}"
    seen = f"What was seen: {breach.text}."
    return [line for part in (f"{over} {due}", seen, found) for line in (*wrap(part, WIDTH), "")][:-1]


# What is taken over from the scenario with which the search began


def _written(text: str) -> dict[str, Any]:
    from ruamel.yaml import YAML

    found = YAML(typ="safe", pure=True).load(text)
    return dict(found) if isinstance(found, Mapping) else {}


def _axis(key: str, written: Mapping[str, Any], scenario: Scenario, start: Start) -> Any:
    """Return the value of an axis, as it is written for the cell with which the search began; None: it is not."""
    origin = start.origin
    if key == "strategy":
        name = start.cell.strategy.name
        if name != origin.strategy.name:
            return name  # of the catalog
    matrix = written.get("matrix") or {}
    labels = dict(origin.axes)
    if key == "middlebox" and "failure" in (*matrix, *written):
        failure = _choice("failure", written, scenario, labels)
        if isinstance(failure, Mapping) and failure.get("middlebox") is not None:
            return failure["middlebox"]
    return _choice(key, written, scenario, labels)


def _choice(key: str, written: Mapping[str, Any], scenario: Scenario, labels: Mapping[str, str]) -> Any:
    values = (written.get("matrix") or {}).get(key)
    if values is None:
        return written.get(key)
    whole = load_text(scenario.text, Path(scenario.file))
    known = list(dict.fromkeys(dict(cell.axes)[key] for cell in whole.cells))
    return values[known.index(labels[key])]


def _is_the_labs(topology: Topology) -> bool:
    """Return whether the network that comes with the lab under this name is this one."""
    file = library.topologies().get(topology.name)
    try:
        return file is not None and read_topology(file, str(file), []) == topology
    except ScenarioError:
        return False


def _topology(topology: Topology) -> dict[str, Any]:
    nodes = {
        node.name: {
            key: value
            for key, value in (("role", node.role.value), ("inside", node.inside), ("outside", node.outside))
            if value
        }
        for node in topology.nodes
    }
    return {"nodes": nodes, "links": {link.name: {end: str(at) for end, at in link.ends} for link in topology.links}}


def _with_absolute_paths(client: Mapping[str, Any], folder: str) -> dict[str, Any]:
    """Return a client whose command names the files of the first scenario's folder by absolute paths."""
    words = [
        str(Path(folder) / word) if isinstance(word, str) and (Path(folder) / word).is_file() else word
        for word in client.get("command") or ()
    ]
    return {**client, **({"command": words} if words else {})}


# How values are written


def fault_keys(fault: Fault) -> dict[str, Any]:
    """Return a fault as a scenario has it."""
    return {kind_of(fault): _fields(fault)}


def impairment_keys(impairment: Impairment) -> dict[str, Any]:
    """Return an impairment as a scenario has it."""
    return _fields(impairment)


def _fields(value: Any) -> dict[str, Any]:
    """Return the keys of a value that differ from their defaults."""
    return {
        kebab(field.name) if field.name != "kind_" else "kind": _plain(getattr(value, field.name))
        for field in dataclasses.fields(value)
        if getattr(value, field.name) != field.default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Quantity | When) else value


def _list(key: str, entries: Iterable[Mapping[str, Any]]) -> list[str]:
    lines = [f"  - {_flow(entry)}" for entry in entries]
    return [f"{key}:", *lines] if lines else []


def _flow(value: Any) -> str:
    """Return a value as YAML in one line."""
    return _yaml(value, flow=True).removesuffix("\n...\n").strip()


def _yaml(value: Any, *, flow: bool = False) -> str:
    from ruamel.yaml import YAML

    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = flow
    yaml.width = 10_000  # one line
    yaml.sort_base_mapping_type_on_output = False
    yaml.allow_unicode = True
    out = io.StringIO()
    yaml.dump(value, out)
    return out.getvalue()
