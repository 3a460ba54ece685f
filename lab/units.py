"""Defines quantities with units, as in scenarios: ``33 s``, ``40 ms``, ``2 h``, ``1 %``.

A quantity is a ``float`` in its base unit, so arithmetic and JSON need nothing special. Pydantic validates these types
through ``__get_pydantic_core_schema__``; it is imported only when a model asks for the schema, never by this module.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

_QUANTITY = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z/%]+)\s*$", re.ASCII)


class Quantity(float):
    """A non-negative number with a unit; subclasses name the units and the largest value."""

    units: ClassVar[dict[str, float]]
    largest: ClassVar[float]
    example: ClassVar[str]

    @classmethod
    def parse(cls, text: object) -> Quantity:
        """Read ``33 s``.

        Raises:
            ValueError: no unit, an unknown unit, not a number, or too large; the message reads
                ``what is wrong; what is allowed``.
        """
        if isinstance(text, cls):
            return text
        units = ", ".join(cls.units)
        if isinstance(text, (int, float)) and not isinstance(text, bool):
            raise ValueError(f"no unit; one of {units}, such as `{cls.example}`")
        match = _QUANTITY.match(text) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"not a quantity; a number from 0 and a unit ({units}), such as `{cls.example}`")
        number, unit = match.groups()
        if unit not in cls.units:
            raise ValueError(f"unknown unit `{unit}`; one of {units}")
        value = float(number) * cls.units[unit]
        if value > cls.largest:
            raise ValueError(f"too large; at most {cls(cls.largest)}")
        return cls(value)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.parse,
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        pattern = rf"^\d+(\.\d+)? ?({'|'.join(cls.units)})$"
        return {"type": "string", "pattern": pattern, "examples": [cls.example]}


class Seconds(Quantity):
    """A time span in seconds; at most 400 days, which no scenario needs and no timer overflows."""

    units: ClassVar[dict[str, float]] = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
    largest: ClassVar[float] = 400 * 86400.0
    example: ClassVar[str] = "33 s"

    def __str__(self) -> str:
        return f"{float(self):.12g} s" if float(self) >= 1 or not float(self) else f"{float(self) * 1000:.12g} ms"


class Percent(Quantity):
    """A share between 0 % and 100 %."""

    units: ClassVar[dict[str, float]] = {"%": 1.0}
    largest: ClassVar[float] = 100.0
    example: ClassVar[str] = "1 %"

    def __str__(self) -> str:
        return f"{float(self):.12g} %"


class BitsPerSecond(Quantity):
    """A rate in bits per second."""

    units: ClassVar[dict[str, float]] = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6}
    largest: ClassVar[float] = 1e10
    example: ClassVar[str] = "256 kbit/s"

    def __str__(self) -> str:
        return f"{float(self):.12g} bit/s"


class Bytes(Quantity):
    """A size on a disk."""

    units: ClassVar[dict[str, float]] = {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
    largest: ClassVar[float] = 1e15
    example: ClassVar[str] = "1 GB"

    def __str__(self) -> str:
        unit = next(unit for unit, size in reversed(self.units.items()) if self >= size or size == 1.0)
        return f"{float(self) / self.units[unit]:.3g} {unit}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 cell``, ``2 cells``, ``3 middleboxes``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short_time(seconds: float) -> str:
    """Return a time span as a person says it: ``8 s``, ``4 min``, ``2 h 10 min``, ``3 d 4 h``."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def moments_between(start: float, until: float, every: float) -> list[float]:
    """Return the moments from ``start`` to ``until``, both included as far as ``every`` meets them (seconds)."""
    count = math.floor((until - start) / every + 1e-9) + 1
    return [round(start + number * every, 6) for number in range(max(0, count))]


class Checked:
    """Metadata of a type whose values must keep a rule, too: it returns the value, or raises ValueError."""

    def __init__(self, rule: Callable[[Any], Any]) -> None:
        self.rule = rule

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.rule, handler(source))


def _whole_seconds(value: Seconds) -> Seconds:
    if not value.is_integer():
        raise ValueError("not whole seconds; whole seconds from `1 s`, as SIP and conntrack count")
    if value < 1:
        raise ValueError("too short; SIP and conntrack count in whole seconds, from `1 s`")
    return value


def _whole_seconds_from_zero(value: Seconds) -> Seconds:
    if not value.is_integer():
        raise ValueError("not whole seconds; whole seconds from `0 s`, as pjsip counts")
    return value


def _above_zero(value: Quantity) -> Quantity:
    if value <= 0:
        raise ValueError("too small; a value above 0")
    return value


def _on_the_way(value: Seconds) -> Seconds:
    if value > _LONGEST_ON_THE_WAY_S:
        raise ValueError(f"longer than any path; at most {Seconds(_LONGEST_ON_THE_WAY_S)}")
    return value


_LONGEST_ON_THE_WAY_S = 60.0  # netem itself ends at 274 s

WholeSeconds = Annotated[Seconds, Checked(_whole_seconds)]
"""What SIP and conntrack can count."""
WholeSecondsFromZero = Annotated[Seconds, Checked(_whole_seconds_from_zero)]
"""A pause that may be none, in whole seconds."""
Delay = Annotated[Seconds, Checked(_on_the_way)]
"""A time a packet can be on its way."""
Lasting = Annotated[Seconds, Checked(_above_zero)]
"""A time span above zero."""
Rate = Annotated[BitsPerSecond, Checked(_above_zero)]
"""What a path carries, above zero."""
Share = Annotated[Percent, Checked(_above_zero)]
"""A share above zero."""
