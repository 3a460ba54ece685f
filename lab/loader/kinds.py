"""Things of several kinds, written as a mapping with one key: ``{options-ping: {interval: 25 s}}``.

A kind without parameters may be written as its name alone. Only the chosen kind is looked at, so a wrong parameter is
reported once, where it stands.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any

from lab.errors import Problem
from lab.loader.check import build, choice
from lab.loader.yaml_lines import Node
from lab.model.fault import Fault

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def faults() -> dict[str, type]:
    """The fault classes by their name in scenarios."""
    return {_HUMP.sub("-", cls.__name__).lower(): cls for cls in typing.get_args(Fault)}


def mitigations() -> dict[str, type]:
    """The mitigation classes by their name in scenarios."""
    from lab.mitigations import classes

    return dict(classes())


def read_kind(kinds: Mapping[str, type], node: Node, problems: list[Problem]) -> Any:
    """Read one thing; None, with problems added, if it is none of ``kinds``."""
    if isinstance(node.value, str):
        kind = node.value
        parameters = Node(node.file, node.line, f"{node.path}.{kind}", kind, kind, {})
    elif isinstance(node.value, dict) and len(node.value) == 1:
        ((kind, parameters),) = node.value.items()
    else:
        if node.value is not None:
            example = "`{" + next(iter(kinds), "kind") + ": {…}}`"
            problems.append(node.problem("not one kind with its parameters", allowed=f"such as {example}"))
        return None
    if kind not in kinds:
        where = node if isinstance(node.value, str) else parameters
        got = None if isinstance(node.value, str) else ""
        problems.append(where.problem("unknown kind", got=got, allowed=choice(kind, kinds)))
        return None
    if parameters.value is None:
        return None
    return build(kinds[kind], parameters, problems)
