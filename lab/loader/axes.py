"""Reads the axes of a scenario, such as strategy and middlebox; a key fixes an axis, or the matrix sweeps it.

Each value of an axis has a label: the name of a catalog entry, the name an author gives, the transport's word.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.clients import catalog as clients
from lab.clients.pjsip.releases import RELEASES
from lab.errors import Problem
from lab.loader import catalog, one_key_mappings
from lab.loader.axis_values import Option, catalog_name, own_name
from lab.loader.conversion import build, choice, keys, ruled, unknown_key, value_of
from lab.loader.device_values import read_schedule
from lab.loader.middlebox_values import read_middlebox, read_middleboxes
from lab.loader.one_key_mappings import read_kind
from lab.loader.proxy_values import read_proxy
from lab.loader.scenario_file import ScenarioFile
from lab.loader.yaml_lines import Node
from lab.model.fault import Fault
from lab.model.middlebox import Middlebox
from lab.model.rules import LONGEST_LABEL, Label, check_name
from lab.model.scenario import Client, Server, Strategy, Transport
from lab.model.topology import Role, Topology
from lab.servers import catalog as servers
from lab.servers.catalog import DEFAULT as DEFAULT_SERVER

AXES = ("strategy", "middlebox", "transport", "failure", "pjsip", "server", "client", "proxy", "device")
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(ScenarioFile)}

_NODES = {"middlebox": Role.MIDDLEBOX, "proxy": Role.PROXY}
"""The role of the nodes that a value of an axis stands for."""

Middleboxes = tuple[tuple[str, Middlebox], ...]


@dataclass(slots=True)
class Axis:
    """An axis and its values.

    Attributes:
        name: one of ``AXES``.
        options: in the file's order.
        swept: it stands in the matrix.
        complete: every value's label is known.
    """

    name: str
    options: list[Option] = field(default_factory=list)
    swept: bool = False
    complete: bool = True

    def labels(self) -> list[str]:
        """Return the labels of its values; a topology without a middlebox has none."""
        return [option.label for option in self.options if option.label]


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """The failure in a cell, from the axis ``failure``.

    Attributes:
        middleboxes: in place of the scenario's; None: the scenario's.
        faults: besides the scenario's; None in the place of one with a problem.
        nodes: where each of them stands in the file.
    """

    middleboxes: Middleboxes | None = None
    faults: tuple[Fault | None, ...] = ()
    nodes: tuple[Node, ...] = ()


def read_axes(root: Node, topology: Topology | None, problems: list[Problem], *, server: str) -> list[Axis]:
    """Read all axes, those of the matrix first and in its order.

    Args:
        root: the scenario.
        topology: its network; None if that could not be read, and then nothing is said about middlebox nodes.
        problems: where problems go.
        server: the program that serves where nothing is said about it.
    """
    matrix = _matrix(root, problems)
    axes = []
    for name in [*matrix, *(name for name in AXES if name not in matrix)]:
        axis = Axis(name, swept=name in matrix)
        read = _reader(name, topology, server)
        if name in matrix:
            _read_swept(axis, matrix[name], read, problems)
        elif (fixed := root.get(name)) is not None:
            _add(axis, fixed, read, problems)
        else:
            _default(axis, root, topology, problems, server)
        axes.append(axis)
    return axes


def _matrix(root: Node, problems: list[Problem]) -> dict[str, Node]:
    matrix = root.get("matrix")
    if matrix is None:
        return {}
    if not isinstance(matrix.value, dict):
        if matrix.value is not None:
            problems.append(matrix.problem("not a mapping", allowed=f"lists of values for {', '.join(AXES)}"))
        return {}
    found = {}
    for name, listed in matrix.value.items():
        if name not in AXES:
            problems.append(unknown_key(listed, AXES))
            continue
        fixed = root.get(name)
        if fixed is not None:
            where = f"line {fixed.line}"
            problems.append(
                listed.problem(f"also given in {where}", got="", allowed="write it in one of the two places")
            )
        found[name] = listed
    return found


_Read = Callable[[Node, list[Problem]], Option | None]


def _reader(name: str, topology: Topology | None, server: str = DEFAULT_SERVER) -> _Read:
    if name == "strategy":
        return _read_strategy
    if name == "transport":
        return _read_transport
    if name == "pjsip":
        return _read_release
    if name == "failure":
        return lambda node, problems: _read_failure(topology, node, problems)
    if name == "server":
        return lambda node, problems: _read_server(server, node, problems)
    if name == "client":
        return _read_client
    if name == "device":
        return _read_device
    if name == "proxy":
        has_one = topology is None or topology.front().role is Role.PROXY
        return lambda node, problems: read_proxy(node, problems, has_one=has_one)
    if topology is None:
        return _read_name_only
    boxes = [node.name for node in topology.nodes if node.role is Role.MIDDLEBOX]
    return lambda node, problems: read_middleboxes(boxes, node, problems)


def _read_name_only(node: Node, problems: list[Problem]) -> Option | None:
    """Read a middlebox while the topology is unknown, when only a name can be judged."""
    return None if isinstance(node.value, dict) else read_middlebox(node, problems)


def _read_swept(axis: Axis, listed: Node, read: _Read, problems: list[Problem]) -> None:
    if not listed.items():
        axis.complete = False
        if listed.value is not None:
            problems.append(listed.problem("not a list of values", allowed="at least one"))
        return
    for item in listed.items():
        _add(axis, item, read, problems)


def _add(axis: Axis, node: Node, read: _Read, problems: list[Problem]) -> None:
    option = read(node, problems)
    if option is None:
        axis.complete = False
    elif option.label in axis.labels():
        allowed = "write each value once"
        if axis.name == "server" and isinstance(node.value, dict):
            allowed += ", or a `name` for each setting of a program"
        problems.append(node.problem("given twice", got=f"`{option.label}`", allowed=allowed))
    else:
        option.node = node
        axis.options.append(option)


def _default(axis: Axis, root: Node, topology: Topology | None, problems: list[Problem], server: str) -> None:
    if axis.name == "strategy":
        axis.options.append(Option(_DEFAULTS["strategy"], catalog.strategy(_DEFAULTS["strategy"])))
    elif axis.name == "transport":
        axis.options.append(Option(_DEFAULTS["transport"].value, _DEFAULTS["transport"]))
    elif axis.name == "pjsip":
        axis.options.append(Option(_DEFAULTS["pjsip"], _DEFAULTS["pjsip"]))
    elif axis.name == "failure":
        axis.options.append(Option("", Failure()))
    elif axis.name == "server":
        axis.options.append(Option(server, Server(software=server)))
    elif axis.name == "client":
        axis.options.append(Option(clients.DEFAULT, Client()))
    elif axis.name == "device":
        axis.options.append(Option("", ()))
    elif topology is None:
        axis.complete = False
    elif any(node.role is _NODES[axis.name] for node in topology.nodes):
        names = catalog.proxy_names() if axis.name == "proxy" else catalog.middlebox_names()
        problems.append(Problem(root.file, 0, axis.name, "missing", allowed=f"one of {', '.join(names)}"))
        axis.complete = axis.name != "proxy"
    else:
        axis.options.append(Option("", ()))


def _read_failure(topology: Topology | None, node: Node, problems: list[Problem]) -> Option | None:
    """Read what goes wrong in a cell: another middlebox than the scenario's, faults besides its own, or nothing."""
    if not isinstance(node.value, dict):
        if node.value is not None:
            problems.append(node.problem("not a mapping", allowed="`name` and, as needed, `middlebox` and `faults`"))
        return None
    known = ("name", "middlebox", "faults")
    problems += [unknown_key(child, known) for key, child in node.value.items() if key not in known]
    label = node.get("name")
    if label is None:
        problems.append(node.problem("without a name", got="", allowed="add a `name`, for claims"))
        return None
    name: str | None = value_of(Label, label, problems)
    written_box, written_faults = node.get("middlebox"), node.get("faults")
    box = _reader("middlebox", topology)(written_box, problems) if written_box is not None else None
    if written_faults is not None and not written_faults.items():
        problems.append(written_faults.problem("not a list with entries", allowed="at least one, or leave it out"))
    nodes = tuple(written_faults.items()) if written_faults is not None else ()
    found = tuple(read_kind(one_key_mappings.faults(), each, problems) for each in nodes)
    if name is None or (written_box is not None and box is None):
        return None
    return Option(name, Failure(middleboxes=box.value if box else None, faults=found, nodes=nodes))


def _read_transport(node: Node, problems: list[Problem]) -> Option | None:
    transport = value_of(Transport, node, problems)
    return None if transport is None else Option(transport.value, transport)


def _read_release(node: Node, problems: list[Problem]) -> Option | None:
    name = node.text.strip("'\"")  # as written: 2.10 is no number here
    if isinstance(node.value, dict | list) or name not in RELEASES:
        if node.value is not None:
            problems.append(node.problem("unknown release of pjsip", allowed=choice(name, RELEASES)))
        return None
    return Option(name, name)


def _read_server(default: str, node: Node, problems: list[Problem]) -> Option | None:
    """Read which program serves, and in a mapping what else is said of it."""
    if isinstance(node.value, str):
        return Option(node.value, Server(software=node.value)) if _is_server(node, problems) else None
    if not isinstance(node.value, dict):
        if node.value is not None:
            allowed = f"one of {', '.join(servers.names())}, or a mapping with {', '.join(keys(Server))}"
            problems.append(node.problem("neither a word nor a mapping", allowed=allowed))
        return None
    server, written = build(Server, node, problems), node.get("software")
    if server is None:
        return None
    if written is None:
        server = dataclasses.replace(server, software=default)
    elif not _is_server(written, problems):
        return None
    if node.get("name") is not None and own_name(node, list(servers.names()), problems) is None:
        return None
    return Option(server.label, server)


def _is_server(node: Node, problems: list[Problem]) -> bool:
    if node.value in servers.names():
        return True
    problems.append(node.problem("unknown word", allowed=choice(str(node.value), servers.names())))
    return False


def _read_client(node: Node, problems: list[Problem]) -> Option | None:
    """Read which program the client is, and in a mapping what else is said of it."""
    known = clients.with_releases()
    if isinstance(node.value, str):
        if node.value not in known:
            problems.append(node.problem("unknown client", allowed=choice(node.value, known)))
            return None
        named = Client(name=node.value)
        return Option(node.value, named) if _script_fits(named, node, problems) else None
    if not isinstance(node.value, dict):
        if node.value is not None:
            allowed = f"a client's name, or a mapping with {', '.join(keys(Client))}"
            problems.append(node.problem("neither a name nor a mapping", allowed=allowed))
        return None
    client: Client | None = build(Client, node, problems)
    written = node.get("name")
    if client is None:
        return None
    if written is not None and not client.is_own and client.name not in known:
        problems.append(
            written.problem("unknown client", allowed=f"{choice(client.name, known)}, or `command` as well")
        )
        return None
    if written is not None and client.is_own:  # another's name is a client's, so the field itself takes any text
        if ruled(check_name, client.name, written, problems, longest=LONGEST_LABEL) is None:
            return None
        own_name(node, [*clients.with_releases(), clients.OWN], problems)
    return Option(client.label, client) if _script_fits(client, node, problems) else None


def _script_fits(client: Client, node: Node, problems: list[Problem]) -> bool:
    """Check that a client has a script if, and only if, it plays one."""
    takes = clients.find(client.kind).takes_script
    if takes and client.script:
        return ruled(check_name, client.label, node, problems, longest=LONGEST_LABEL) is not None
    if takes:
        allowed = f"use `{{ name: {client.kind}, script: FILE }}`, a file below the scenario's folder"
        problems.append(node.problem(f"{client.kind} needs a script, which it plays", got="", allowed=allowed))
    elif client.script:
        where = node.get("script") or node
        problems.append(where.problem(f"{client.kind} plays no script", got="", allowed="leave it out"))
    return takes == bool(client.script)


def _read_device(node: Node, problems: list[Problem]) -> Option | None:
    if not isinstance(node.value, dict):
        name = catalog_name(node, catalog.device_names(), "device", problems)
        return None if name is None else Option(name, catalog.device(name))
    label, device = own_name(node, catalog.device_names(), problems), read_schedule(node, problems, {})
    if device is not None and not device.schedule:
        problems.append(node.problem("a device without a schedule", got="", allowed="at least one fault, or no device"))
    return None if label is None else Option(label, device)


def _read_strategy(node: Node, problems: list[Problem]) -> Option | None:
    if not isinstance(node.value, dict):
        name = catalog_name(node, catalog.strategy_names(), "strategy", problems)
        return None if name is None else Option(name, catalog.strategy(name))
    label = own_name(node, catalog.strategy_names(), problems)
    strategy: Strategy | None = catalog.read_strategy(node, problems, {})
    if strategy is not None and not strategy.mitigations:
        problems.append(node.problem("a strategy without mitigations", got="", allowed="at least one, or `none`"))
    return None if label is None else Option(label, strategy)
