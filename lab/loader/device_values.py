"""Reads the device of a scenario: one of the catalog, or the author's own, a list of faults under a name."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from lab.errors import Problem
from lab.loader.axis_values import Option
from lab.loader.conversion import build
from lab.loader.one_key_mappings import faults, read_kind
from lab.loader.yaml_lines import Node
from lab.model.device import Device
from lab.model.fault import Fault
from lab.units import Seconds


def read_schedule(node: Node, problems: list[Problem], given: Mapping[str, str]) -> Device | None:
    """Read a device from a mapping; None, with problems added, if it is not one.

    Args:
        node: the mapping.
        problems: where problems go.
        given: its name, if the mapping does not say it.
    """
    before = len(problems)
    written: Device | None = build(Device, node, problems, given=given)
    found = [read_kind(faults(), item, problems) for item in schedule_nodes(node)]
    for item, fault in zip(schedule_nodes(node), found, strict=True):
        if fault is not None and not fault.of_device:
            of_devices = [name for name, cls in faults().items() if cls.of_device]
            what = "no part of a device's day"
            problems.append(
                item.problem(what, got="", allowed=f"one of {', '.join(of_devices)}, or put it at `faults`")
            )
    if written is None or None in found or len(problems) > before:
        return None
    return dataclasses.replace(written, schedule=tuple(found))


def schedule_nodes(node: Node) -> Sequence[Node]:
    """Return where the faults of a device stand; of one of the catalog, nowhere."""
    written = node.get("schedule") if isinstance(node.value, dict) else None
    return () if written is None else written.items()


def check_devices(options: Sequence[Option], ends: Seconds | None, problems: list[Problem]) -> None:
    """Check that each device does something before the run ends; one whose schedule is empty is always awake."""
    for option in options:
        device, node = option.value or None, option.node
        if device is None or node is None or ends is None or not device.schedule or device.during(ends):
            continue
        first = Seconds(min(fault.at.fixed for fault in device.schedule))
        what = f"its schedule begins at {first}, not before the end of the run"
        problems.append(node.problem(what, got=f"`{option.label}`", allowed=f"`ends` later than {first}"))


def scheduled(option: Option, ends: Seconds) -> list[tuple[Node, Fault]]:
    """Return the faults of a device that can begin before the run ends, each with its place in the file."""
    device, node = option.value or None, option.node
    if device is None or node is None:
        return []
    nodes = schedule_nodes(node) or [node] * len(device.schedule)
    begun = device.during(ends)
    return [(where, fault) for where, fault in zip(nodes, device.schedule, strict=True) if fault in begun]
