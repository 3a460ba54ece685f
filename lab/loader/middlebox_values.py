"""Reads what stands for a topology's middleboxes: profiles of the catalog, or of the author."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from lab.errors import Problem
from lab.loader import catalog
from lab.loader.axis_values import Option, catalog_name, own_name
from lab.loader.conversion import build, choice, keys, unknown_key
from lab.loader.yaml_lines import Node
from lab.model.middlebox import GROUPS, Grade, Middlebox


@dataclass(frozen=True, kw_only=True, slots=True)
class _Profile(Middlebox):
    """A middlebox as a scenario writes it: what is not written is as in ``base``."""

    base: str = ""


def read_middleboxes(boxes: list[str], node: Node, problems: list[Problem]) -> Option | None:
    """Read what stands for a topology's middleboxes: a profile, or with several of them one for each."""
    if not boxes:
        problems.append(node.problem("this topology has no middlebox", allowed="leave it out"))
        return None
    if len(boxes) == 1:
        one = read_middlebox(node, problems)
        return None if one is None else Option(one.label, ((boxes[0], one.value),))
    if not isinstance(node.value, dict):
        if node.value is not None:
            allowed = f"a profile for each of {', '.join(boxes)}"
            problems.append(node.problem("not a mapping, and this topology has several middleboxes", allowed=allowed))
        return None
    problems += [unknown_key(child, boxes) for key, child in node.value.items() if key not in boxes]
    found = []
    for box in boxes:
        if box not in node.value:
            path = f"{node.path}.{box}"
            problems.append(Problem(node.file, node.line, path, "missing", allowed="a profile for each middlebox"))
        else:
            found.append((box, read_middlebox(node.value[box], problems)))
    parts = [(box, option) for box, option in found if option is not None]
    if len(parts) < len(boxes):
        return None
    return Option("+".join(option.label for _, option in parts), tuple((box, option.value) for box, option in parts))


def read_middlebox(node: Node, problems: list[Problem]) -> Option | None:
    """Read a profile: a name, or a mapping with ``name``."""
    names = catalog.middlebox_names()
    if not isinstance(node.value, dict):
        name = catalog_name(node, names, "middlebox", problems)
        return None if name is None else Option(name, catalog.middlebox(name))
    label = own_name(node, names, problems)
    profile = build(_Profile, node, problems)
    base = node.get("base")
    if base is not None and isinstance(base.value, str) and base.value not in names:
        problems.append(base.problem("unknown middlebox", allowed=choice(base.value, names)))
        profile = None
    if label is None:
        return None
    return Option(label, None if profile is None else _completed(profile, list(node.value)))


def _completed(profile: _Profile, written: list[str]) -> Middlebox:
    """Fill in from the base what was not written."""
    base = catalog.middlebox(profile.base) if profile.base else Middlebox(name=profile.name)
    own = {key.replace("-", "_"): None for key in keys(Middlebox) if key in written}
    changed = dataclasses.replace(base, **{name: getattr(profile, name) for name in own})
    if "evidence" not in own:  # what is known of the base's values is not known of others
        doubted = {GROUPS[name]: Grade.ASSUMED for name in own if name in GROUPS}
        changed = dataclasses.replace(changed, evidence=dataclasses.replace(changed.evidence, **doubted))
    if not profile.base or "source" in own:
        return changed
    what = ", ".join(key for key in written if key not in ("base", "name"))
    return dataclasses.replace(
        changed, source=f"{profile.base} with another {what}; {base.source}" if what else base.source
    )
