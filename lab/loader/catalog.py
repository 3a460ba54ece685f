"""Reads the catalog: middleboxes, proxies, devices and strategies of the lab, one YAML file each, named like the file.

An entry is read by the same rules as a scenario. A scenario's author cannot mend one, so a wrong entry is a lab fault.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import lab
from lab.errors import LabFault, Problem, ScenarioError
from lab.loader.conversion import build
from lab.loader.device_values import read_schedule
from lab.loader.one_key_mappings import mitigations, read_kind
from lab.loader.text_file import read_text
from lab.loader.yaml_lines import Node, read_yaml
from lab.model.device import Device
from lab.model.middlebox import Middlebox
from lab.model.proxy import Proxy
from lab.model.scenario import Strategy

T = TypeVar("T")

_FOLDER = Path(lab.__file__).parent / "catalog"


def middlebox_names() -> list[str]:
    """Return the names of the profiles, sorted."""
    return _names("middleboxes")


def proxy_names() -> list[str]:
    """Return the names of the proxies, sorted."""
    return _names("proxies")


def device_names() -> list[str]:
    """Return the names of the devices, sorted."""
    return _names("devices")


def strategy_names() -> list[str]:
    """Return the names of the strategies, sorted."""
    return _names("strategies")


@functools.cache
def middlebox(name: str) -> Middlebox:
    """Return the profile of that name.

    Raises:
        LabFault: its file is wrong (or there is none: ask ``middlebox_names`` first).
    """
    return _entry("middleboxes", name, lambda node, problems, given: build(Middlebox, node, problems, given=given))


@functools.cache
def proxy(name: str) -> Proxy:
    """Return the proxy of that name.

    Raises:
        LabFault: its file is wrong (or there is none: ask ``proxy_names`` first).
    """
    return _entry("proxies", name, lambda node, problems, given: build(Proxy, node, problems, given=given))


@functools.cache
def device(name: str) -> Device:
    """Return the device of that name.

    Raises:
        LabFault: its file is wrong (or there is none: ask ``device_names`` first).
    """
    return _entry("devices", name, read_schedule)


@functools.cache
def strategy(name: str) -> Strategy:
    """Return the strategy of that name.

    Raises:
        LabFault: its file is wrong (or there is none: ask ``strategy_names`` first).
    """
    return _entry("strategies", name, read_strategy)


def read_strategy(node: Node, problems: list[Problem], given: Mapping[str, str]) -> Strategy | None:
    """Read a strategy from a mapping; None, with problems added, if it is not one.

    Args:
        node: the mapping.
        problems: where problems go.
        given: its name, if the mapping does not say it.
    """
    before = len(problems)
    written = build(Strategy, node, problems, given=given)
    listed = node.get("mitigations")
    kinds = mitigations()
    found = [] if listed is None else [read_kind(kinds, item, problems) for item in listed.items()]
    for index, mitigation in enumerate(found):
        if mitigation is not None and any(type(mitigation) is type(earlier) for earlier in found[:index]):
            item = listed.items()[index] if listed is not None else node
            problems.append(
                item.problem("the same mitigation again", got=mitigation.kind, allowed="write each kind once")
            )
    if written is None or None in found or len(problems) > before:  # of one without a value the problem is older
        return None
    return dataclasses.replace(written, mitigations=tuple(found))


def _names(folder: str) -> list[str]:
    return sorted(path.stem for path in (_FOLDER / folder).glob("*.yaml"))


def _entry(folder: str, name: str, read: Callable[[Node, list[Problem], Mapping[str, str]], T | None]) -> T:
    path = _FOLDER / folder / f"{name}.yaml"
    file = f"lab/catalog/{folder}/{name}.yaml"
    problems: list[Problem] = []
    text = read_text(path, file, problems)
    node = None if text is None else read_yaml(text, file, problems)
    entry = None if node is None else read(node, problems, {"name": name})
    if entry is None or problems:
        raise LabFault("cannot read the catalog", detail=str(ScenarioError(problems)))
    return entry
