"""Reads a scenario, and the topology it names, into cells; reports all problems at once.

It knows files and rules and nothing of the machine: what loads here loads everywhere.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from lab.errors import Problem, ScenarioError
from lab.faults.feasibility import infeasible_faults
from lab.loader.axes import Failure, read_axes
from lab.loader.certificate_checks import check_client_certificates
from lab.loader.client_command import check_clients
from lab.loader.conversion import build, describe, hint, keys, unknown_key, value_of
from lab.loader.device_values import check_devices, scheduled
from lab.loader.expand import cell_name, check_labels, check_reach, check_size, claim_of, combinations, labels
from lab.loader.fault_checks import check_faults, check_possible, check_targets
from lab.loader.impairment_checks import check_impairments
from lab.loader.one_key_mappings import faults, read_kind
from lab.loader.population import Replacement, as_axis, with_replacement
from lab.loader.probes import check_expectation, read_probes
from lab.loader.scenario_file import ScenarioFile
from lab.loader.scenario_paths import scenario_file, scenario_name, topology_of
from lab.loader.text_file import read_text
from lab.loader.timing_checks import check_claims, read_claim
from lab.loader.unsupported import examined
from lab.loader.yaml_lines import Node, read_yaml
from lab.model.device import Device
from lab.model.impairment import Impairment
from lab.model.rules import kebab
from lab.model.scenario import Cell, Scenario
from lab.servers.catalog import DEFAULT as DEFAULT_SERVER

_PLAIN = ("title", "source", "why", "seed", "expect", "ends", "push", "radio", "costs-over")
"""Keys whose value says all; the others need each other."""


def load(path: Path, *, server: str = DEFAULT_SERVER, instead: Replacement | None = None) -> Scenario:
    """Read a scenario file.

    Args:
        path: the file, or the name of a scenario that comes with the lab.
        server: the program that serves where the file does not say which.
        instead: axes in the place of the file's; None: as the file has them.

    Raises:
        ScenarioError: the file, or the topology it names, is wrong; it holds every problem found.
    """
    problems: list[Problem] = []
    file = scenario_file(path, problems)
    text = None if file is None else read_text(file, str(file), problems)
    if file is None or text is None:
        raise ScenarioError(problems)
    return load_text(text, file, server=server, instead=instead)


def load_text(text: str, path: Path, *, server: str = DEFAULT_SERVER, instead: Replacement | None = None) -> Scenario:
    """Read the text of a scenario file that need not be there.

    Args:
        text: its content.
        path: where it would be: its name is the scenario's, its folder where topologies are looked for.
        server: the program that serves where the text does not say which.
        instead: axes in the place of the text's; None: as the text has them.

    Raises:
        ScenarioError: the text, or the topology it names, is wrong; it holds every problem found.
    """
    problems: list[Problem] = []
    root = read_yaml(text, str(path), problems)
    scenario = None if root is None else _read(path, text, root, problems, server, instead)
    if scenario is None or problems:
        raise ScenarioError(problems)
    return scenario


def _read(
    path: Path, text: str, root: Node, problems: list[Problem], server: str, instead: Replacement | None
) -> Scenario | None:
    known = keys(ScenarioFile)
    written = root.value if isinstance(root.value, dict) else {}
    problems += [unknown_key(child, known) for key, child in written.items() if key not in known]
    parts = {key: _part(root, key, problems) for key in _PLAIN}
    topology = topology_of(root, path, problems)
    if instead is not None:
        root = with_replacement(root, instead, topology)
    root, population = as_axis(root, topology, problems)
    axes = read_axes(root, topology, problems, server=server)

    fault_nodes, claim_nodes = (_items(root, key, problems) for key in ("faults", "claims"))
    impairment_nodes = _items(root, "impairments", problems)
    impairments = [build(Impairment, node, problems) for node in impairment_nodes]
    found_faults = [read_kind(faults(), node, problems) for node in fault_nodes]
    clients = [option.value for axis in axes if axis.name == "client" for option in axis.options]
    accounts = {client.account for client in clients if client is not None}
    probes = read_probes(root, parts["ends"], accounts, problems)
    check_expectation(root, parts["expect"], probes, problems)
    claims = [read_claim(node, problems) for node in claim_nodes]
    failures = [option.value for axis in axes if axis.name == "failure" for option in axis.options]
    all_nodes = [*fault_nodes, *(node for failure in failures for node in failure.nodes)]
    all_faults = [*found_faults, *(fault for failure in failures for fault in failure.faults)]
    refused: set[Node] = set()
    if topology is not None:
        refused = check_targets(all_nodes, topology, problems)
        check_impairments(impairment_nodes, impairments, topology, problems)
    check_faults(all_nodes, all_faults, parts["ends"], problems)
    check_devices(
        [option for axis in axes if axis.name == "device" for option in axis.options], parts["ends"], problems
    )
    check_client_certificates(root, axes, problems)
    check_clients(root, axes, path, problems)
    check_claims(claim_nodes, claims, parts["ends"], problems)

    whole = [claim for claim in claims if claim is not None]
    expandable = check_size(root, axes, problems) and all(axis.complete for axis in axes)
    if check_labels(claim_nodes, axes, problems) and expandable and len(whole) == len(claims):
        check_reach(claim_nodes, whole, axes, problems)
    values = [option.value for axis in axes for option in axis.options]
    if not expandable or topology is None or None in (*values, *parts.values(), *probes.each):
        return None

    name = scenario_name(path)
    cells, written_faults, infeasible = [], [], []
    for combination in combinations(axes):
        number = claim_of(combination, whole)
        failure: Failure = combination["failure"].value
        device: Device | None = combination["device"].value or None
        here = [
            *zip(fault_nodes, found_faults, strict=True),
            *zip(failure.nodes, failure.faults, strict=True),
            *scheduled(combination["device"], parts["ends"]),
        ]
        whole_faults = [(node, fault) for node, fault in here if fault is not None and node not in refused]
        written_faults.append([node for node, _ in whole_faults])
        cell = Cell(
            scenario=name,
            name=cell_name(axes, combination),
            axes=labels(axes, combination),
            seed=parts["seed"],
            topology=topology,
            middleboxes=combination["middlebox"].value if failure.middleboxes is None else failure.middleboxes,
            transport=combination["transport"].value,
            server=combination["server"].value,
            client=combination["client"].value,
            strategy=combination["strategy"].value,
            faults=tuple(fault for _, fault in whole_faults),
            impairments=tuple(impairment for impairment in impairments if impairment is not None),
            probes=probes.of(combination["client"].value.account),
            expect=parts["expect"],
            ends=parts["ends"],
            apart=probes.apart,
            push=parts["push"] if root.get("push") else None,
            radio=parts["radio"],
            silent_over=parts["costs-over"],
            claim=None if number is None else whole[number],
            pjsip=combination["client"].value.release or combination["pjsip"].value,
            proxy=combination["proxy"].value or None,
            device=device,
            folder=str(path.resolve().parent),
        )
        infeasible.append(list(infeasible_faults(cell)))
        cells.append(examined(cell, infeasible[-1]))
    check_possible(written_faults, infeasible, problems)
    if problems:
        return None
    about = {key: parts[key] for key in ("title", "why", "source")}
    return Scenario(name=name, file=root.file, text=text, cells=tuple(cells), population=population, **about)


def _part(root: Node, key: str, problems: list[Problem]) -> Any:
    """Return the value of a single key, or its default; None if there was a problem."""
    node, expected = root.get(key), hint(ScenarioFile, key)
    if node is not None:
        return (build if dataclasses.is_dataclass(expected) else value_of)(expected, node, problems)
    (field,) = (field for field in dataclasses.fields(ScenarioFile) if kebab(field.name) == key)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is not dataclasses.MISSING:
        return field.default
    problems.append(Problem(root.file, 0, key, "missing", allowed=describe(expected)))
    return None


def _items(root: Node, key: str, problems: list[Problem]) -> list[Node]:
    """Return the entries of an optional list."""
    node = root.get(key)
    if node is None:
        return []
    if node.value is not None and not node.items():
        problems.append(node.problem("not a list with entries", allowed="at least one, or leave the key out"))
    return node.items()
