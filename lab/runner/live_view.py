"""Shows a cell that is up, as JSON values: nodes, mappings with ages, flows, bindings, timers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from lab.actors.kernel_clock import to_monotonic
from lab.model.middlebox import Middlebox
from lab.network import conntrack
from lab.record.entry import TimedEvent
from lab.record.events import (
    ENDED_AT_CLIENT,
    ENDED_AT_SERVER,
    Binding,
    ClientTransport,
    Event,
    Probe,
    ServerFlow,
    ServerSubscription,
)
from lab.runner.testbed import CellTestbed

MOST_ENDED = 20
"""Flows, bindings, connections and probes that are over and still shown, of each the newest."""


@dataclass(slots=True)
class _Known:
    """The newest event of a thing, and when it began."""

    began: float
    at: float
    event: Any


class LiveView:
    """Follows the record of a cell, and looks at its kernel when asked."""

    def __init__(self, testbed: CellTestbed) -> None:
        self._testbed = testbed
        self._known: dict[type[Event], dict[str, _Known]] = {
            kind: {} for kind in (ServerFlow, ServerSubscription, Binding, ClientTransport, Probe)
        }
        testbed.record.watch(self._see)

    def document(self, *, silence: float | None) -> dict[str, Any]:
        """Return everything, as of now; times are seconds, ages count from now, ``t`` from time zero.

        Args:
            silence: time zero (CLOCK_MONOTONIC); None: the account is not set up.
        """
        self._testbed.observe_now()
        now, cell = time.monotonic(), self._testbed.cell
        boxes = [self._middlebox(name, box, now) for name, box in cell.middleboxes]
        bindings = [*self._bindings(now)]
        return {
            "t": None if silence is None else now - silence,
            "nodes": [*self._nodes()],
            "links": [{"name": link.name, "ends": _texts(link.ends)} for link in self._testbed.cell.topology.links],
            "middleboxes": boxes,
            "flows": [*self._flows(now)],
            "connections": [*self._connections(now)],
            "bindings": bindings,
            "timers": self._timers(boxes, bindings),
            "probes": [*self._probes(now)],
        }

    def _see(self, happening: TimedEvent[Event]) -> None:
        event = happening.event
        things = self._known.get(type(event))
        if things is None:
            return
        name = event.probe if isinstance(event, Probe) else event.id  # type: ignore[attr-defined]  # all others have it
        before = things.get(name)
        things[name] = _Known(happening.at if before is None else before.began, happening.at, event)
        ended = [name for name, known in things.items() if _is_over(known.event)]
        for old in ended[:-MOST_ENDED]:
            del things[old]

    def _nodes(self) -> Iterator[dict[str, Any]]:
        testbed, topology = self._testbed, self._testbed.cell.topology
        actors = {testbed.client_node: testbed.client, testbed.server_node: testbed.server}
        if testbed.proxy is not None:
            actors[testbed.front_node] = testbed.proxy
        for node in topology.nodes:
            ends = [(link.name, str(at)) for link in topology.links for end, at in link.ends if end == node.name]
            actor = actors.get(node.name)
            state = None if actor is None else "ended" if actor.over else "stopped" if actor.frozen else "runs"
            yield {"name": node.name, "role": node.role.value, "addresses": dict(ends), "program": state}

    def _middlebox(self, name: str, box: Middlebox, now: float) -> dict[str, Any]:
        table = sorted(conntrack.table(self._testbed.network.namespaces[name]), key=lambda each: each.started)
        return {
            "node": name,
            "profile": box.name,
            "tcp_timer_s": None if box.established_idle_timeout is None else float(box.established_idle_timeout),
            "udp_timer_s": float(box.udp_mapping_timer),
            "mappings": [
                {
                    "proto": each.proto,
                    "inside": str(each.inside),
                    "outside": str(each.outside),
                    "remote": str(each.remote),
                    "tcp_state": each.tcp_state,
                    "answered": each.answered,
                    "age_s": now - to_monotonic(each.started) if each.started else None,
                    "expires_in_s": self._expires_in(name, box, each, now),
                }
                for each in table
            ],
        }

    def _expires_in(self, node: str, box: Middlebox, mapping: conntrack.Mapping, now: float) -> float | None:
        """Return in how many seconds a mapping ends unless something refreshes it; None: never."""
        aging = self._testbed.agings.get(node)
        if aging is not None and (at := aging.expires_at(mapping)) is not None:
            return at - now
        established = mapping.tcp_state == "ESTABLISHED"
        if established and (aging is not None or box.established_idle_timeout is None):
            return None
        return float(mapping.remaining)

    def _flows(self, now: float) -> Iterator[dict[str, Any]]:
        in_use = self._testbed.current_flow()
        for name, known in self._known[ServerFlow].items():
            flow, event = self._testbed.flows.get(name), known.event
            yield {
                "id": name,
                "transport": event.transport,
                "client": None if flow is None else str(flow.inside),
                "peer": str(event.peer),
                "own": str(event.own),
                "state": event.state,
                "reason": event.reason,
                "in_use": in_use is not None and in_use.id == name,
                "age_s": now - known.began,
                "since_s": now - known.at,
            }

    def _connections(self, now: float) -> Iterator[dict[str, Any]]:
        for name, known in self._known[ClientTransport].items():
            event = known.event
            yield {
                "id": name,
                "type": event.type,
                "local": str(event.local),
                "remote": None if event.remote is None else str(event.remote),
                "state": event.state,
                "reason": event.reason,
                "age_s": now - known.began,
                "since_s": now - known.at,
            }

    def _bindings(self, now: float) -> Iterator[dict[str, Any]]:
        for kind, word in ((ServerSubscription, "subscription"), (Binding, "registration")):
            for name, known in self._known[kind].items():
                event = known.event
                yield {
                    "id": name,
                    "kind": word,
                    "state": event.state,
                    "contact": event.contact,
                    "flow": event.flow,
                    "expires_in_s": None if _is_over(event) else known.at + event.expires - now,
                    "age_s": now - known.began,
                }

    def _timers(self, boxes: list[dict[str, Any]], bindings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return what will happen by itself, the next first."""
        found = [
            (each["expires_in_s"], f"{box['node']} forgets {each['proto']} {each['inside']}")
            for box in boxes
            for each in box["mappings"]
        ]
        found += [(each["expires_in_s"], f"{each['kind']} {each['id']} expires at the server") for each in bindings]
        found = [(in_s, what) for in_s, what in found if in_s is not None]
        if (until := self._testbed.flows.granted_until()) is not None:
            before = self._testbed.cell.refresh_before_s
            found.append((until - before - time.monotonic(), "the client is due to refresh its account"))
        return [{"what": what, "in_s": in_s} for in_s, what in sorted(found)]

    def _probes(self, now: float) -> Iterator[dict[str, Any]]:
        for name, known in self._known[Probe].items():
            event = known.event
            yield {
                "probe": name,
                "kind": event.kind,
                "state": event.state,
                "code": event.code,
                "reason": event.reason,
                "ago_s": now - known.at,
            }


def _is_over(event: Any) -> bool:
    if isinstance(event, (ServerSubscription, Binding)):
        return event.state not in ("active", "refreshed")
    return event.state in (*ENDED_AT_SERVER, *ENDED_AT_CLIENT, "answered")


def _texts(ends: Iterable[tuple[str, object]]) -> dict[str, str]:
    return {node: str(address) for node, address in ends}
