"""``lab status``: what is in a lab that is up, at this moment."""

from __future__ import annotations

import json as json_text
import sys
from collections.abc import Iterator
from typing import Any

from lab.errors import EXIT_CLAIMS_HOLD
from lab.live_lab import registry
from lab.live_lab.control import ask
from lab.live_lab.registry import Entry
from lab.visible_text import all_visible, visible

FORMAT = 1
_LONG_S = 120.0
"""From here on whole seconds tell enough."""


def status(*, name: str, json: bool) -> int:
    """Print what is in a lab.

    Raises:
        ScenarioError: there is no such lab.
        LabError: it has ended by itself.
    """
    lab = registry.find(name, "lab status")
    told = ask(lab, "status")
    if json:
        about = {
            "format": FORMAT,
            "lab": lab.name,
            "scenario": lab.scenario,
            "cell": lab.cell,
            "folder": str(lab.folder),
        }
        sys.stdout.write(json_text.dumps(all_visible({**about, **told}), indent=2) + "\n")
    else:
        for line in lines(lab, told):
            sys.stdout.write(visible(line.rstrip()) + "\n")
    return EXIT_CLAIMS_HOLD


def lines(lab: Entry, told: dict[str, Any]) -> Iterator[str]:
    """Yield the status for people."""
    since = f"the client fell silent {_ago(told['t'])}" if told["t"] is not None else "the account is not set up"
    yield f"lab {lab.name}: {lab.scenario}, cell {lab.cell}; {since}"
    yield from _section("nodes", (_node(each) for each in told["nodes"]))
    for box in told["middleboxes"]:
        idle = "never" if box["tcp_timer_s"] is None else f"after {_time(box['tcp_timer_s'])}"
        title = f"{box['node']} ({box['profile']}) forgets TCP {idle}, UDP after {_time(box['udp_timer_s'])}"
        yield from _section(title, (_mapping(each) for each in box["mappings"]), none="no mappings")
    yield from _section("flows at the server", (_flow(each) for each in told["flows"]))
    yield from _section("account", (_binding(each) for each in told["bindings"]))
    yield from _section("next", (f"{_time(each['in_s']):>9}  {each['what']}" for each in told["timers"]))
    yield from _section("faults", (_fault(each, told["t"]) for each in told["faults"]), none="")
    yield from _section("probes", (_probe(each) for each in told["probes"]), none="")
    yield f"logs: {lab.folder}"


def _section(title: str, rows: Iterator[str], none: str = "none") -> Iterator[str]:
    first = next(rows, None)
    if first is not None or none:
        yield title
        yield f"  {first or none}"
        yield from (f"  {row}" for row in rows)


def _node(node: dict[str, Any]) -> str:
    places = ", ".join(f"{address} ({link})" for link, address in node["addresses"].items())
    program = f"  {node['program']}" if node["program"] else ""
    return f"{node['name']:<14} {node['role']:<10} {places}{program}"


def _mapping(mapping: dict[str, Any]) -> str:
    age = "" if mapping["age_s"] is None else f"{_time(mapping['age_s'])} old"
    ends = "never" if mapping["expires_in_s"] is None else f"in {_time(mapping['expires_in_s'])}"
    what = f"{mapping['proto']} {mapping['inside']} as {mapping['outside']} with {mapping['remote']}"
    state = f" {mapping['tcp_state']}" if mapping["tcp_state"] else ""
    return f"{what}{state}: {age}, forgotten {ends}"


def _flow(flow: dict[str, Any]) -> str:
    client = f" (client {flow['client']})" if flow["client"] != flow["peer"] else ""
    reason = f", {flow['reason']}" if flow["reason"] else ""
    used = "; in use" if flow["in_use"] else ""
    since = _ago(flow["since_s"])
    return f"{flow['id']} {flow['transport']} {flow['peer']}{client}: {flow['state']} {since}{reason}{used}"


def _binding(binding: dict[str, Any]) -> str:
    ends = "" if binding["expires_in_s"] is None else f", expires in {_time(binding['expires_in_s'])}"
    return f"{binding['kind']} {binding['id']} {binding['contact']}: {binding['state']} on {binding['flow']}{ends}"


def _fault(fault: dict[str, Any], now: float | None) -> str:
    told = "".join(f" {key}={value}" for key, value in fault["keys"].items() if value is not None)
    dropped = "" if fault["dropped"] is None else f", dropped {fault['dropped']} packets"
    state = "in force" if fault["in_force"] else "over"
    if fault["in_force"] and fault["ends_t"] is not None and now is not None:
        state = f"in force for {_time(fault['ends_t'] - now)} more"
    return f"{fault['n']} {fault['fault']}{told}: {state}{dropped}"


def _probe(probe: dict[str, Any]) -> str:
    said = f" {probe['code']}" if probe["code"] is not None else f" {probe['reason']}" if probe["reason"] else ""
    return f"{probe['probe']} {probe['kind']}: {probe['state']}{said} {_ago(probe['ago_s'])}"


def _ago(seconds: float) -> str:
    return f"{_time(seconds)} ago"


def _time(seconds: float) -> str:
    return f"{max(seconds, 0.0):.1f} s" if seconds < _LONG_S else f"{seconds:,.0f} s"
