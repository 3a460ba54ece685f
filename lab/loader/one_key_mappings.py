"""Reads mappings with one key that names a kind: ``{options-ping: {interval: 25 s}}``.

A kind without parameters may be written as its name alone. Only the chosen kind is looked at, so a wrong parameter is
reported once, where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.errors import Problem
from lab.loader.conversion import build, choice
from lab.loader.yaml_lines import Node
from lab.model.verdict import (
    CLIENT_ABORTED,
    CLIENT_CLOSED,
    CLIENT_IDLE_TIMER,
    CLIENT_NOT_REGISTERED,
    CLIENT_UNSUBSCRIBED,
    MIDDLEBOX_FORGOT,
    PROXY_TIMEOUT,
    PUSH_LATE,
    PUSH_LOST,
    PUSH_TOKEN_EXPIRED,
    REGISTRATION_EXPIRED,
    SERVER_GAVE_UP,
    SERVER_IDLE_TIMEOUT,
    SUBSCRIPTION_EXPIRED,
    UNKNOWN,
    CauseKind,
)

if TYPE_CHECKING:
    from lab.faults.base import Fault


def faults() -> dict[str, type[Fault]]:
    """Return the fault classes by their name in scenarios."""
    from lab.faults.catalog import classes

    return classes()


def mitigations() -> dict[str, type]:
    """Return the mitigation classes by their name in scenarios."""
    from lab.mitigations import classes

    return dict(classes())


def causes() -> dict[str, CauseKind]:
    """Return every kind of cause, the judge's and those of faults, by its name."""
    from lab.faults import catalog

    kinds = (
        CLIENT_IDLE_TIMER, MIDDLEBOX_FORGOT, *catalog.causes(), CLIENT_ABORTED, CLIENT_CLOSED, REGISTRATION_EXPIRED,
        SUBSCRIPTION_EXPIRED, CLIENT_UNSUBSCRIBED, SERVER_IDLE_TIMEOUT, PROXY_TIMEOUT, SERVER_GAVE_UP,
        PUSH_LOST, PUSH_LATE, PUSH_TOKEN_EXPIRED, CLIENT_NOT_REGISTERED, UNKNOWN,
    )  # fmt: skip
    return {kind.name: kind for kind in kinds}


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
            problems.append(node.problem("not one kind with its parameters", allowed=f"a mapping such as {example}"))
        return None
    if kind not in kinds:
        where = node if isinstance(node.value, str) else parameters
        got = None if isinstance(node.value, str) else ""
        problems.append(where.problem("unknown kind", got=got, allowed=choice(kind, kinds)))
        return None
    if parameters.value is None:
        return None
    return build(kinds[kind], parameters, problems)
