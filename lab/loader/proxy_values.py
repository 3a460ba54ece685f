"""Reads what stands for a topology's proxy: a profile of the catalog, or of the author."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from lab.errors import Problem
from lab.loader import catalog
from lab.loader.axis_values import Option, catalog_name, own_name
from lab.loader.conversion import build, choice, keys
from lab.loader.yaml_lines import Node
from lab.model.middlebox import Grade
from lab.model.proxy import TIMEOUTS, Proxy
from lab.model.rules import ProxyName, kebab
from lab.proxies import catalog as programs


@dataclass(frozen=True, kw_only=True, slots=True)
class _Profile(Proxy):
    """A proxy as a scenario writes it: what is not written is as in ``base``."""

    software: ProxyName = ""
    base: str = ""


def read_proxy(node: Node, problems: list[Problem], *, has_one: bool) -> Option | None:
    """Read it.

    Args:
        node: a name, or a mapping with ``name``.
        problems: where problems go.
        has_one: whether the topology has a proxy.
    """
    if not has_one:
        problems.append(node.problem("this topology has no proxy", allowed="leave it out, or use `home-nat-proxy`"))
        return None
    names = catalog.proxy_names()
    if not isinstance(node.value, dict):
        name = catalog_name(node, names, "proxy", problems)
        return None if name is None else Option(name, catalog.proxy(name))
    label, profile = own_name(node, names, problems), build(_Profile, node, problems)
    base = node.get("base")
    if base is not None and isinstance(base.value, str) and base.value not in names:
        problems.append(base.problem("unknown proxy", allowed=choice(base.value, names)))
        return None
    if profile is None or label is None:
        return None
    return Option(label, _completed(profile, node, problems))


def check_settings(proxy: Proxy, node: Node, problems: list[Problem]) -> bool:
    """Return whether the program exists, and takes all settings that are written."""
    known = programs.names()
    if proxy.software not in known:
        where = node.get("software") or node
        got = None if node.get("software") else ""
        problems.append(where.problem("unknown proxy program", got=got, allowed=choice(proxy.software, known)))
        return False
    takes = programs.find(proxy.software).takes[proxy.mode]
    before = len(problems)
    for field in TIMEOUTS:
        written = node.get(kebab(field))
        if written is not None and field not in takes:
            allowed = f"one of {', '.join(map(kebab, takes))}"
            what = f"no setting of {proxy.software} with `mode: {proxy.mode.value}`"
            problems.append(written.problem(what, got="", allowed=allowed))
    return len(problems) == before


def _completed(profile: _Profile, node: Node, problems: list[Problem]) -> Proxy | None:
    """Fill in from the base what was not written."""
    written = [key for key in keys(Proxy) if node.get(key) is not None]
    base = catalog.proxy(profile.base) if profile.base else Proxy(name=profile.name, software=profile.software)
    own = {key.replace("-", "_") for key in written}
    changed = dataclasses.replace(base, **{name: getattr(profile, name) for name in own})
    if not check_settings(changed, node, problems):
        return None
    if own & {*TIMEOUTS} and "evidence" not in own:  # what is known of the base's values is not known of others
        changed = dataclasses.replace(changed, evidence=Grade.ASSUMED)
    if not profile.base or "source" in own:
        return changed
    what = ", ".join(key for key in written if key != "name")
    return dataclasses.replace(
        changed, source=f"{profile.base} with another {what}; {base.source}" if what else base.source
    )
