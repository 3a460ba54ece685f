"""Everything that a scenario can name, by kind: for `lab list` and `lab show`."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import lab
from lab import library
from lab.clients import catalog as clients
from lab.errors import Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice, describe, hint
from lab.loader.load import load
from lab.loader.one_key_mappings import causes, faults, mitigations
from lab.loader.yaml_lines import read_yaml
from lab.model.middlebox import BEHAVIORS, GROUPS, Middlebox
from lab.model.rules import kebab
from lab.proxies import catalog as programs
from lab.reference.chapters import (
    ReferenceEntry,
    client_thing,
    device_thing,
    drawing_of,
    mitigation_thing,
    server_thing,
    strategy_thing,
    thing_of,
    value_text,
    words_of,
)
from lab.servers import catalog as servers
from lab.starter.failures import failures

NEVER = "`never`"
_CATALOG = Path(lab.__file__).parent / "catalog"


@dataclass(frozen=True)
class Kind:
    """One kind of things.

    Attributes:
        name: as `lab list` takes it, in the plural.
        one: the word for one of them.
        names: returns what there is, in the order of the list.
        find: returns one of them, by its name.
        line: returns what one of them is, in a line, where that costs less than to find it.
    """

    name: str
    one: str
    names: Callable[[], Sequence[str]]
    find: Callable[[str], ReferenceEntry]
    line: Callable[[str], str] | None = None

    def summary(self, name: str) -> str:
        """Return what one of them is, in a line."""
        return first_sentence(self.find(name).what) if self.line is None else self.line(name)


def kinds() -> tuple[Kind, ...]:
    """Return all kinds."""
    return (
        Kind("strategies", "strategy", catalog.strategy_names, strategy_thing),
        Kind("middleboxes", "middlebox", catalog.middlebox_names, middlebox_thing),
        Kind("proxies", "proxy", catalog.proxy_names, proxy_thing),
        Kind("devices", "device", catalog.device_names, device_thing),
        Kind("faults", "fault", lambda: list(faults()), fault_thing),
        Kind("topologies", "topology", lambda: list(library.topologies()), topology_thing),
        Kind("scenarios", "scenario", lambda: list(library.scenarios()), scenario_thing, scenario_title),
        Kind("clients", "client", clients.names, client_thing),
        Kind("servers", "server", servers.names, server_thing),
        Kind("mitigations", "mitigation", lambda: list(mitigations()), lambda n: mitigation_thing(n, mitigations()[n])),
        Kind(
            "causes", "cause", lambda: list(causes()), lambda name: ReferenceEntry(name=name, what=causes()[name].what)
        ),
        Kind("failures", "failure of `lab init`", lambda: list(failures()), failure_thing),
    )


def kind(name: str) -> Kind:
    """Return the kind of that name (KeyError if there is none)."""
    return {each.name: each for each in kinds()}[name]


def all_names() -> list[str]:
    """Return the names of all things, each once."""
    return list(dict.fromkeys(name for each in kinds() for name in each.names()))


def found(name: str) -> list[tuple[Kind, ReferenceEntry]]:
    """Return what has this name: one thing of each kind at most."""
    return [(each, each.find(name)) for each in kinds() if name in each.names()]


def check(known: Sequence[str], names: Sequence[str]) -> None:
    """Check that there is something of each name.

    Raises:
        ScenarioError: there is not; it says what was probably meant.
    """
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ScenarioError(
            [Problem("lab", 0, "", "no such thing", f"`{name}`", choice(name, known)) for name in unknown]
        )


def first_sentence(text: str) -> str:
    """Return the first sentence of a text, which may begin with a drawing."""
    prose = text.rpartition("```")[2].strip()
    return " ".join(prose.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def middlebox_thing(name: str) -> ReferenceEntry:
    """Return a profile: each value with how well it is known, and the sources."""
    profile = catalog.middlebox(name)
    values = [
        (kebab(each), f"{_value(each, getattr(profile, each))} [{getattr(profile.evidence, GROUPS[each]).value}]")
        for each in BEHAVIORS
    ]
    return ReferenceEntry(name=name, what=_comment("middleboxes", name), notes=(*values, ("source", profile.source)))


def proxy_thing(name: str) -> ReferenceEntry:
    """Return a proxy of the catalog: its program, each timeout with how well it is known, and the sources."""
    proxy = catalog.proxy(name)
    program = programs.find(proxy.software)
    values = [
        (kebab(field), f"{value_text(getattr(proxy, field)) or 'never'} [{proxy.evidence.value}]")
        for field in program.takes[proxy.mode]
    ]
    notes = (("software", f"{program.name}: {program.what}"), *values, ("source", proxy.source))
    return ReferenceEntry(name=name, what=_comment("proxies", name), notes=notes)


def _comment(folder: str, name: str) -> str:
    """Return the comment of an entry of the catalog."""
    lines = (_CATALOG / folder / f"{name}.yaml").read_text("utf-8").splitlines()
    return " ".join(line.lstrip("# ") for line in lines if line[:1] == "#")


def fault_thing(name: str) -> ReferenceEntry:
    """Return a fault: its keys, and the causes that it can be."""
    fault = faults()[name]
    return thing_of(name, fault, notes=(("causes", ", ".join(cause.name for cause in fault.causes)),))


def failure_thing(name: str) -> ReferenceEntry:
    """Return something that can go wrong in a scenario of ``lab init``."""
    failure = failures()[name]
    return ReferenceEntry(
        name=name, what=failure.what, notes=tuple(("faults", f"`{fault}`") for fault in failure.faults)
    )


def topology_thing(name: str) -> ReferenceEntry:
    """Return a network with its drawing."""
    return ReferenceEntry(name=name, what=drawing_of(library.topologies()[name]))


def scenario_thing(name: str) -> ReferenceEntry:
    """Return a scenario that comes with the lab: its drawing, what it is about, its axes."""
    path = library.scenarios()[name]
    scenario = load(path)
    axes: dict[str, dict[str, None]] = {}
    for cell in scenario.cells:
        for axis, label in cell.axes:
            axes.setdefault(axis, {})[label] = None
    comment = []
    for line in scenario.text.splitlines():
        if not line.startswith("#"):
            break
        comment.append(line[1:])
    drawing = f"```\n{textwrap.dedent(chr(10).join(comment))}\n```\n\n" if comment else ""
    notes = [("file", str(path)), *((axis, ", ".join(labels)) for axis, labels in axes.items())]
    source = [("source", scenario.source)] if scenario.source else []
    return ReferenceEntry(
        name=name, what=f"{drawing}{scenario.title}\n\n{scenario.why.strip()}", notes=(*notes, *source)
    )


def scenario_title(name: str) -> str:
    """Return the title of a scenario that comes with the lab, without loading it."""
    root = read_yaml(library.scenarios()[name].read_text("utf-8"), name, [])
    title = None if root is None else root.get("title")
    return name if title is None else str(title.value)


def _value(field: str, value: object) -> str:
    """Return a value as a scenario writes it, and what it means, where it is a word that does not say so."""
    nothing = "never" if NEVER in describe(hint(Middlebox, kebab(field))) else "none"
    text = value_text(value) or nothing
    meaning = dict(words_of(type(value))).get(text, "") if isinstance(value, Enum) else ""
    return f"{text}: {meaning.rstrip('.')}" if meaning else text
