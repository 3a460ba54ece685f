"""Finds the mitigations, one per module of this package, and says which are not available in a cell.

``base``, this module and those whose name begins with ``_`` are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import cache
from importlib import import_module
from itertools import combinations
from pathlib import Path
from typing import Any

from lab.mitigations.base import MOST_SOCKET_OPTIONS, ClientSide, Mitigation, ServerSide
from lab.model import wire

_NOT_MITIGATIONS = {"base", "catalog"}


@cache
def classes() -> dict[str, type[Mitigation]]:
    """Return the mitigation classes by ``kind``, sorted by it. Imports their modules."""
    names = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")} - _NOT_MITIGATIONS
    found = [_class_in(f"{__package__}.{name}") for name in names]
    return {cls.kind: cls for cls in sorted(found, key=lambda cls: cls.kind)}


def client_kinds() -> frozenset[str]:
    """Return the kinds that the client does."""
    return frozenset(kind for kind, cls in classes().items() if issubclass(cls, ClientSide))


def unsupported(mitigations: Iterable[Mitigation], *, transport: str, registers: bool, subscribes: bool) -> str:
    """Say why these mitigations cannot be had together in a cell, whatever the client; empty if they can.

    Args:
        mitigations: of one strategy, of either side.
        transport: one of `lab.mitigations.base.ALL`.
        registers: whether the account registers by itself.
        subscribes: whether the account subscribes.
    """
    mitigations = list(mitigations)
    registers = registers or any(one.registers for one in mitigations)
    for one in mitigations:
        if why := _why_not(one, transport=transport, registers=registers, subscribes=subscribes):
            return why
    ours = [one for one in mitigations if isinstance(one, ClientSide)]
    for one, other in combinations(ours, 2):
        for setting in one.sets:
            if setting in other.sets:
                return f"{one.kind} and {other.kind} both set the {setting.value}"
    options = [option for one in ours for option in one.socket_options()]
    if len(options) > MOST_SOCKET_OPTIONS:
        names = ", ".join(option.name for option in options)
        return f"pjsip passes {MOST_SOCKET_OPTIONS} socket options to a socket, not {len(options)}: {names}"
    return ""


def _why_not(one: Mitigation, *, transport: str, registers: bool, subscribes: bool) -> str:
    if transport not in one.transports:
        *most, last = one.transports
        only = f"{', '.join(most)} and {last}" if most else last
        return f"{one.kind} exists on {only} only, not on {transport}"
    if isinstance(one, ServerSide) and (why := one.why_not_over(transport)):
        return why
    if one.needs_registration and not registers:
        return f"{one.kind} works on a registered account only, and this one does not register"
    if one.needs_subscription and not subscribes:
        return f"{one.kind} acts on a subscription, and this account does not subscribe"
    return ""


def not_offered(mitigations: Iterable[Mitigation], offered: Collection[str]) -> str:
    """Return the mitigations that a client of another author would have to do and has not offered; empty if none.

    Args:
        mitigations: of one strategy, of either side.
        offered: the kinds named in its ``ready``.
    """
    missing = [one.kind for one in mitigations if isinstance(one, ClientSide) and one.kind not in offered]
    return f"the scenario's client does not offer {' and '.join(missing)}" if missing else ""


def to_command(mitigation: Mitigation) -> dict[str, Any]:
    """Return a mitigation as a ``start`` command has it: its parameters, and its kind as scenarios name it."""
    return {**wire.to_json(mitigation), "kind": mitigation.kind}


def from_command(data: Mapping[str, Any], kinds: Mapping[str, type[Mitigation]]) -> Mitigation:
    """Return a mitigation from a ``start`` command.

    Raises:
        LookupError: there is no such kind.
        ValueError: its parameters do not fit.
    """
    kind = kinds[data["kind"]]
    return wire.from_json(kind, {**data, "kind": kind.__name__})


def _class_in(module: str) -> type[Mitigation]:
    names = vars(import_module(module)).values()
    (cls,) = (
        value for value in names if isinstance(value, type) and value.__module__ == module and "kind" in vars(value)
    )
    return cls
