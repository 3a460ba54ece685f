"""Finds the parameters of a strategy that are times, and gives cells other values of them. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.errors import Problem
from lab.loader.conversion import hint, keys, value_of
from lab.loader.yaml_lines import Node
from lab.model.scenario import DEFAULT_CLIENT, Cell, Registration
from lab.tuning.scale import Resolution, Scale
from lab.units import Seconds

ACCOUNT = "account"
"""The owner of parameters that are not a mitigation's: how the client registers."""
OPTION = "--vary"

GRANTED = ("expiry", "expires")
"""Parameters for which the client asks, and of which the server grants so much at most."""


@dataclass(frozen=True, slots=True)
class Vary:
    """A parameter and the range of its values, as asked for.

    Attributes:
        name: ``interval``, ``options-ping.interval``, or with the strategy ``keep-alive.options-ping.interval``.
        low, high: in seconds.
    """

    name: str
    low: Seconds
    high: Seconds


@dataclass(frozen=True, slots=True)
class Parameter:
    """A time that belongs to a mitigation, or to the client's account.

    Attributes:
        owner: the mitigation's kind, or ``account``.
        key: as scenarios write it.
        hint: the type of its values, with its rules.
    """

    owner: str
    key: str
    hint: Any

    @property
    def name(self) -> str:
        """Its whole name."""
        return f"{self.owner}.{self.key}"

    def problems(self, value: Seconds, file: str) -> list[Problem]:
        """Return what speaks against a value."""
        found: list[Problem] = []
        value_of(self.hint, Node(file, 0, f"{OPTION} {self.name}", self.key, str(value), str(value)), found)
        return found

    def scale(self, vary: Vary, resolution: Resolution) -> Scale:
        """Return the values that may be tried."""
        between = Seconds(int(vary.low) + 0.5)
        return Scale(float(vary.low), float(vary.high), resolution, whole=bool(self.problems(between, "")))

    def put(self, cell: Cell, value: float) -> Cell:
        """Return the cell with this value."""
        field, seconds = self.key.replace("-", "_"), Seconds(value)
        if self.owner == ACCOUNT:
            registration = dataclasses.replace(cell.client.registration or Registration(), **{field: seconds})
            return dataclasses.replace(cell, client=dataclasses.replace(cell.client, registration=registration))
        changed = tuple(
            dataclasses.replace(one, **{field: seconds}) if one.kind == self.owner else one
            for one in cell.strategy.mitigations
        )
        return dataclasses.replace(cell, strategy=dataclasses.replace(cell.strategy, mitigations=changed))

    def granted_at_most(self, cell: Cell) -> Seconds | None:
        """Return the longest value that the cell's server grants; None: it is not asked."""
        if self.key not in GRANTED:
            return None
        registers = self.owner == ACCOUNT or any(
            one.kind == self.owner and one.registers for one in cell.strategy.mitigations
        )
        return cell.server.registration_expires if registers else cell.server.subscription_expires


def parameters_of(cell: Cell) -> list[Parameter]:
    """Return the parameters of a cell's strategy and account that are times."""
    found = [each for one in cell.strategy.mitigations for each in times(one.kind, type(one))]
    by_mitigation = any(one.registers for one in cell.strategy.mitigations)  # which asks for an expiry of its own
    if cell.client.account.registers and cell.client.kind == DEFAULT_CLIENT:
        own = times(ACCOUNT, Registration)
        found += [each for each in own if not (by_mitigation and each.key in GRANTED)]
    return found


def times(owner: str, cls: Any) -> Iterator[Parameter]:
    """Yield the parameters of a dataclass that are times."""
    for key in keys(cls):
        parameter = Parameter(owner, key, hint(cls, key))
        sample = value_of(parameter.hint, Node("", 0, key, key, "60 s", "60 s"), [])
        if isinstance(sample, Seconds):
            yield parameter


def named(name: str, parameters: list[Parameter], strategy: str) -> list[Parameter]:
    """Return the parameters of a strategy with this name, whole or in part."""
    return [each for each in parameters if name in (each.key, each.name, f"{strategy}.{each.name}")]


def names_of(parameters: list[Parameter]) -> list[str]:
    """Return the shortest names by which the parameters can be told apart."""
    listed = [each.key for each in parameters]
    return [each.key if listed.count(each.key) == 1 else each.name for each in parameters]
