"""Defines the shape of a scenario file, key by key.

Keys that can be written in several ways are typed ``Any`` here, with their JSON schema beside them, and are read by the
module that knows the ways: ``axes`` (strategy, middlebox, server, proxy, matrix) and ``kinds`` (faults, mitigations).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import TypeAdapter, WithJsonSchema

from lab.clients import catalog as clients
from lab.clients.pjsip.releases import DEFAULT, RELEASES
from lab.loader.one_key_mappings import causes
from lab.loader.probes import ProbeGrid
from lab.model.impairment import Impairment
from lab.model.push import Push
from lab.model.rules import AllowedValues, Seed, Text, Yaml
from lab.model.scenario import Claim, Client, Expectation, Probe, RadioKind, Server, Transport
from lab.servers import catalog as servers
from lab.units import Lasting, Seconds

_NAME_OR_MAPPING = {"anyOf": [{"type": "string"}, {"type": "object"}]}
_SERVER_NAME = {"enum": list(servers.names())}
_CLIENT_NAME = {"enum": list(clients.with_releases())}
_ONE_KEY = {"type": "object", "minProperties": 1, "maxProperties": 1}
_AXES = {
    "strategy": _NAME_OR_MAPPING,
    "middlebox": _NAME_OR_MAPPING,
    "failure": {"type": "object"},
    "transport": {"enum": [t.value for t in Transport]},
    "pjsip": {"enum": list(RELEASES)},
    "server": {"anyOf": [_SERVER_NAME, {"type": "object"}]},
    "client": {"anyOf": [_CLIENT_NAME, {"type": "object"}]},
    "proxy": _NAME_OR_MAPPING,
    "device": _NAME_OR_MAPPING,
}
_POPULATION = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [
            {"type": "string", "pattern": r"^\d+(\.\d+)? ?%$", "examples": ["55 %"]},
            {"type": "object", "required": ["share"]},
        ]
    },
}
_MATRIX = {
    "type": "object",
    "properties": {axis: {"type": "array", "minItems": 1, "items": value} for axis, value in _AXES.items()},
    "additionalProperties": False,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScenarioFile(Yaml):
    """A scenario as written.

    Attributes:
        title: one line.
        source: the report or document it reproduces.
        why: what happens and why, in the author's words.
        seed: all randomness of a cell follows from it.
        topology: name of a network that comes with the lab, or of a file in the nearest ``topologies`` folder at or
            above the scenario's, which goes first; or the path of a file, from the scenario's folder.
        transport: SIP transport; an axis.
        server: which program it is, or a mapping with that (``software``), what it grants and what it does; an axis.
        client: which program it is, or a mapping with that (``name``) or with a program of your own, and what it sets
            up before it falls silent; an axis.
        pjsip: release of the client pjsip; an axis.
        middlebox: catalog name, or a mapping with ``name`` and the values (those of ``base`` unless given); with
            several middleboxes a mapping of node to either; an axis.
        population: the middleboxes that clients are behind, in place of ``middlebox``: each one's share, by its name
            in the catalog; a profile of your own is a mapping with ``share`` and the keys of a middlebox, without
            ``name``. The shares add up to 100 %. One cell for each; ``lab rank`` weighs them.
        proxy: of a topology that has one: catalog name, or a mapping with ``name`` and the values (those of ``base``
            unless given); an axis.
        device: the device that the client runs on, whose system suspends it: catalog name, or a mapping with ``name``
            and a ``schedule`` of faults; without one the client is always awake; an axis.
        strategy: catalog name, or a mapping with ``name`` and ``mitigations``; an axis.
        failure: a mapping with ``name`` and what goes wrong: a ``middlebox`` in place of the scenario's, ``faults``
            besides its own; an axis.
        matrix: axis to list of values; one cell for each combination.
        impairments: delay, loss and rate of links, each direction by its ends.
        faults: what is done to the network, and when.
        probes: when the server tries to reach the client.
        expect: what makes a cell pass.
        ends: when the run ends.
        push: the push service that wakes the client for a server that asks it to (``server-push``).
        radio: the cellular network whose radio wake-ups are counted for; each with its inactivity timer and source in
            ``lab.model.radio``.
        costs_over: for how long a twin that nobody probes and nothing befalls is watched, to measure what the strategy
            costs per hour; in virtual time. `0 s`: there is none, and costs are those of the cell itself.
        claims: the outcome the author expects; the first that matches a cell counts.
    """

    title: Text
    source: str = ""
    why: str = ""
    seed: Seed = 1
    topology: Text
    transport: Transport = Transport.TLS
    server: Annotated[Annotated[str, WithJsonSchema(_SERVER_NAME)] | Server, AllowedValues("a word or a mapping")] = (
        field(default_factory=Server)
    )
    client: Annotated[Annotated[str, WithJsonSchema(_CLIENT_NAME)] | Client, AllowedValues("a name or a mapping")] = (
        field(default_factory=Client)
    )
    pjsip: Annotated[Any, WithJsonSchema({"enum": list(RELEASES)}), AllowedValues(f"one of {', '.join(RELEASES)}")] = (
        DEFAULT
    )
    middlebox: Annotated[Any, WithJsonSchema(_NAME_OR_MAPPING), AllowedValues("a name or a mapping")] = None
    population: Annotated[Any, WithJsonSchema(_POPULATION), AllowedValues("a mapping of names to shares")] = None
    proxy: Annotated[Any, WithJsonSchema(_NAME_OR_MAPPING), AllowedValues("a name or a mapping")] = None
    device: Annotated[Any, WithJsonSchema(_NAME_OR_MAPPING), AllowedValues("a name or a mapping")] = None
    strategy: Annotated[Any, WithJsonSchema(_NAME_OR_MAPPING), AllowedValues("a name or a mapping")] = "none"
    failure: Annotated[Any, WithJsonSchema({"type": "object"}), AllowedValues("a mapping")] = None
    matrix: Annotated[Any, WithJsonSchema(_MATRIX), AllowedValues("a mapping of axes to lists")] = None
    impairments: tuple[Impairment, ...] = ()
    faults: tuple[Annotated[Any, WithJsonSchema(_ONE_KEY)], ...] = ()
    probes: tuple[Probe, ...] | ProbeGrid
    expect: Expectation = field(default_factory=Expectation)
    ends: Lasting
    push: Push = field(default_factory=Push)
    radio: RadioKind = RadioKind.LTE
    costs_over: Seconds = Seconds(3600)
    claims: tuple[Claim, ...] = ()


def schema() -> dict[str, Any]:
    """Return the JSON schema of a scenario file, for editors; it knows less than the loader."""
    found = TypeAdapter(ScenarioFile).json_schema()
    for one in found["$defs"]["Claim"]["properties"]["cause"]["anyOf"]:
        if one["type"] == "string":
            one["enum"] = list(causes())
    return found
