"""Collects the content of the reference from the classes and catalog entries that the loader uses.

Nothing here is written twice: meanings are the classes' docstrings, what may stand where is what error messages allow.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import MISSING, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from lab import library
from lab.clients import catalog as clients
from lab.docstrings import attributes_of, paragraphs
from lab.loader import catalog
from lab.loader.conversion import describe, hint
from lab.loader.one_key_mappings import causes, faults, mitigations
from lab.loader.probes import ProbeGrid
from lab.loader.scenario_file import ScenarioFile
from lab.model import topology, when
from lab.model.authentication import Authentication
from lab.model.device import Device
from lab.model.idle_timeout import IdleTimeout
from lab.model.impairment import Impairment
from lab.model.middlebox import Middlebox
from lab.model.proxy import Proxy
from lab.model.registrar import Registrar
from lab.model.rules import kebab
from lab.model.scenario import Claim, Client, Expectation, Probe, Registration, Server
from lab.proxies import catalog as programs
from lab.proxies.base import ProxyProgram
from lab.servers import catalog as servers

_OPTIONAL = ", or nothing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A key of a mapping.

    Attributes:
        allowed: what may stand there, in words.
        default: what holds if it is left out; empty: nothing, or what its meaning says; None: it must be written.
        meaning: a clause; empty: the name says it.
        words: if it takes a word, what each means, as far as that is not plain.
    """

    name: str
    allowed: str
    default: str | None
    meaning: str
    words: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReferenceEntry:
    """Something that can stand in a scenario, by its name there.

    Attributes:
        what: paragraphs.
        notes: further facts, by what they are about.
    """

    name: str
    what: str
    keys: tuple[Key, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """Things of one kind."""

    title: str
    what: str
    things: tuple[ReferenceEntry, ...]


def chapters() -> tuple[Chapter, ...]:
    """Return all chapters."""
    return (
        Chapter(title="The file", what="", things=tuple(_file())),
        Chapter(title="Moments", what=paragraphs(when.__doc__ or "", keep_lines=True), things=()),
        Chapter(
            title="Faults",
            what="Listed under `faults`, or in a `failure`, each with its keys: `- NAME: { at: 20 s, … }`.",
            things=tuple(thing_of(name, cls) for name, cls in faults().items()),
        ),
        Chapter(
            title="Mitigations",
            what="What strategies are made of: `{ name: mine, mitigations: [options-ping: { interval: 25 s }] }`.",
            things=tuple(mitigation_thing(name, cls) for name, cls in mitigations().items()),
        ),
        Chapter(
            title="Strategies",
            what="By name; the lab's own lists of mitigations.",
            things=tuple(strategy_thing(name) for name in catalog.strategy_names()),
        ),
        Chapter(
            title="Clients",
            what="What stands at `client`, or under `name` there; a value of the axis `client`.",
            things=tuple(client_thing(name) for name in clients.names()),
        ),
        Chapter(
            title="Servers",
            what="What stands at `software` under `server`, or at `--server`.",
            things=tuple(server_thing(name) for name in servers.names()),
        ),
        Chapter(
            title="Middleboxes",
            what="A name (`lab list middleboxes`; `lab show NAME` has all values), or a mapping with these keys and"
            " `base`, the name of one that has all the values left out.",
            things=(
                thing_of("middlebox", Middlebox),
                ReferenceEntry(
                    name="middleboxes by name", what=", ".join(f"`{name}`" for name in catalog.middlebox_names())
                ),
            ),
        ),
        Chapter(
            title="Proxies",
            what="A name (`lab list proxies`; `lab show NAME` has its values and sources), or a mapping with these keys"
            " and `base`, the name of one that has all the values left out.",
            things=(
                thing_of("proxy", Proxy),
                ReferenceEntry(
                    name="proxy programs",
                    what="\n\n".join(
                        f"`{name}`: {programs.find(name).what}. {_keys_of(programs.find(name))}"
                        for name in programs.names()
                    ),
                ),
                ReferenceEntry(name="proxies by name", what=", ".join(f"`{name}`" for name in catalog.proxy_names())),
            ),
        ),
        Chapter(
            title="Devices",
            what="A name (`lab list devices`; `lab show NAME` has its schedule, the facts and their sources), or a"
            " mapping with these keys.",
            things=(
                thing_of("device", Device),
                *(device_thing(name) for name in catalog.device_names()),
            ),
        ),
        Chapter(
            title="Topologies",
            what="The name of one that comes with the lab, or a file of your own, in a folder `topologies` beside the"
            " scenario or above it: `nodes`, by name, and `links`, each with its two ends, by name, such as"
            " `lan: { client: 10.0.0.2/24, home-nat: 10.0.0.1/24 }`. One client, which may have a second link to"
            " move to, and one server; no loops. There may be one proxy before the server. Each middlebox of a topology"
            " needs a profile, and so does a proxy.",
            things=(
                thing_of("node", topology.Node, given=("name",)),
                *(ReferenceEntry(name=name, what=drawing_of(path)) for name, path in library.topologies().items()),
            ),
        ),
        Chapter(
            title="Causes",
            what="What a `fail` can be due to; a claim's `cause`.",
            things=tuple(ReferenceEntry(name=kind.name, what=kind.what) for kind in causes().values()),
        ),
    )


def drawing_of(path: Path) -> str:
    """Return the comment that a topology begins with: the drawing as a block, below it the text."""
    lines = [line[1:] for line in path.read_text("utf-8").partition("\n\n")[0].splitlines()]
    drawing, _, text = "\n".join(lines).partition("\n\n")
    return f"```\n{textwrap.dedent(drawing)}\n```\n\n{paragraphs(text)}"


def _file() -> Iterator[ReferenceEntry]:
    yield thing_of("scenario", ScenarioFile)
    for name, cls in (
        ("server", Server),
        ("authentication", Authentication),
        ("idle-timeout", IdleTimeout),
        ("registrar", Registrar),
        ("client", Client),
        ("registration", Registration),
        ("probes", Probe),
        ("probes as a grid", ProbeGrid),
        ("impairments", Impairment),
        ("expect", Expectation),
        ("claims", Claim),
    ):
        yield thing_of(name, cls)


def mitigation_thing(name: str, cls: Any) -> ReferenceEntry:
    """Return a mitigation."""
    notes = [("transports", ", ".join(cls.transports)), ("done by", f"the {cls.side}"), ("source", cls.source)]
    if cls.needs_registration:
        notes.insert(1, ("needs", "a registered account"))
    if cls.needs_subscription:
        notes.insert(1, ("needs", "an account that subscribes"))
    return thing_of(name, cls, notes=tuple(notes))


def strategy_thing(name: str) -> ReferenceEntry:
    """Return a strategy of the catalog."""
    strategy = catalog.strategy(name)
    made_of = ", ".join(f"`{_written(mitigation)}`" for mitigation in strategy.mitigations)
    return ReferenceEntry(
        name=name, what=strategy.what, notes=(("mitigations", made_of or "none"), ("source", strategy.source))
    )


def device_thing(name: str) -> ReferenceEntry:
    """Return a device of the catalog: its schedule, what is known about it, and the sources."""
    device = catalog.device(name)
    named = {cls: kind for kind, cls in faults().items()}
    schedule = [("schedule", f"`{_with_keys(named[type(fault)], fault)}`") for fault in device.schedule]
    facts = [("fact", fact) for fact in device.facts]
    notes = (*(schedule or [("schedule", "nothing")]), *facts, ("source", device.source))
    return ReferenceEntry(name=name, what=device.what, notes=notes)


def client_thing(name: str) -> ReferenceEntry:
    """Return a client program."""
    client = clients.find(name)
    some = ", ".join(f"`{kind}`" for kind in sorted(client.offers or ())) or "none"
    offers = "what it says in `ready`" if client.offers is None else some
    ways = tuple((f"its {kind}", way) for kind, way in sorted(client.how.items()))
    other = (("other releases", ", ".join(f"`{name}-{each}`" for each in client.releases)),) if client.releases else ()
    return ReferenceEntry(
        name=name, what=_sentence(client.what), notes=(*client.facts, *other, ("mitigations", offers), *ways)
    )


def server_thing(name: str) -> ReferenceEntry:
    """Return a server program."""
    server = servers.find(name)
    return ReferenceEntry(
        name=name, what=_sentence(server.what), notes=tuple(("lacks", why) for why in server.lacks.values())
    )


def _sentence(what: str) -> str:
    return f"{what[0].upper()}{what[1:]}."


def _written(mitigation: Any) -> str:
    return _with_keys(str(mitigation.kind), mitigation)


def _with_keys(kind: str, one: Any) -> str:
    """Return a mitigation or a fault as a scenario writes it, without what is left out there."""
    values = {field: value_text(getattr(one, field.name)) for field in dataclasses.fields(one)}
    shown = {field: value for field, value in values.items() if value not in ("", "false") or field.default is MISSING}
    said = {kebab(field.name): value or "never" for field, value in shown.items()}
    inside = ", ".join(f"{key}: {value}" for key, value in said.items())
    return f"{kind}: {{ {inside} }}" if inside else kind


def thing_of(
    name: str, cls: Any, *, notes: tuple[tuple[str, str], ...] = (), given: tuple[str, ...] = ()
) -> ReferenceEntry:
    """Return a thing that is written as a mapping with the fields of a class, without those that are given."""
    what, _, _ = inspect.cleandoc(cls.__doc__ or "").partition("Attributes:\n")
    texts = _attributes(cls)
    meanings = {field: text.replace("None: ", "if it is left out: ") for field, text in texts.items()}
    written = (field for field in dataclasses.fields(cls) if field.init and field.name not in given)
    keys = tuple(_key(cls, field, meanings.get(field.name, "")) for field in written)
    return ReferenceEntry(name=name, what=paragraphs(what), keys=keys, notes=notes)


def _attributes(cls: Any) -> dict[str, str]:
    """Return what docstrings say of a class's fields: its own, and before it those of the classes that it extends."""
    texts: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        texts.update(attributes_of(inspect.cleandoc(each.__doc__ or "").partition("Attributes:\n")[2]))
    return texts


def _key(cls: Any, field: dataclasses.Field[Any], meaning: str) -> Key:
    name = kebab(field.name)
    expected = hint(cls, name)
    default: str | None = None
    if field.default is not MISSING:
        default = value_text(field.default)
    elif field.default_factory is not MISSING:
        default = "see below"
    return Key(
        name=name,
        allowed=describe(expected).replace(_OPTIONAL, ""),
        default=default,
        meaning=meaning,
        words=tuple((word, text) for enum in _enums(expected) for word, text in words_of(enum) if text),
    )


def value_text(value: Any) -> str:
    """Return a value as a scenario writes it; empty: there is none."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, when.When):
        return str(value)
    if dataclasses.is_dataclass(value):
        return "see below"
    if isinstance(value, tuple) and value:
        return f"[{', '.join(map(value_text, value))}]"
    return str(value) if value not in (None, (), "") else ""


def _enums(expected: Any) -> list[type[Enum]]:
    """Return the enums in a type, at any depth."""
    if isinstance(expected, type) and issubclass(expected, Enum):
        return [expected]
    return [enum for part in typing.get_args(expected) for enum in _enums(part)]


def words_of(enum: type[Enum]) -> list[tuple[str, str]]:
    """Return each word with the string that stands beneath it in the source; empty if none does."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(enum))).body
    assert isinstance(node, ast.ClassDef)
    meanings: dict[str, str] = {}
    last = ""
    for each in node.body:
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name):
            last = each.targets[0].id
        elif isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) and last:
            meanings[last] = paragraphs(str(each.value.value))
            last = ""
    return [(str(member.value), meanings.get(member.name, "")) for member in enum]


def _keys_of(program: ProxyProgram) -> str:
    """Return which keys a proxy program takes, by mode."""
    said = (
        f"with `mode: {mode.value}` {', '.join(f'`{kebab(key)}`' for key in takes)}"
        for mode, takes in program.takes.items()
    )
    return f"Its keys are {'; '.join(said)}."
