"""Attaches rules to fields, as metadata inside ``Annotated``; and defines how dataclasses are spelt in YAML.

Pydantic reads the metadata when the loader validates a file; nothing here imports it before, so a cell can be read
inside a guest without it. A rule's ValueError reads ``what is wrong; what is allowed``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from lab.units import Checked, WholeSeconds
from lab.visible_text import visible

if TYPE_CHECKING:
    from pydantic_core import CoreSchema

LONGEST_NODE = 12
LONGEST_LINK = 8
"""So that interface names, made from a link's name and an end, fit the kernel's 15 bytes."""
LONGEST_LABEL = 40
SMALLEST_MTU = 68
"""Bytes; every IPv4 link carries that much (RFC 791 §3.2)."""
LARGEST_MTU = 1500
"""Bytes; what the lab's links carry (Ethernet)."""

_NAME = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}/\d{1,2}", re.ASCII)


def kebab(name: str) -> str:
    """Return the YAML key of a field, without a closing underscore, which avoids a word of Python's (``from_``)."""
    return name.rstrip("_").replace("_", "-")


class Yaml:
    """Base of the dataclasses that are written in YAML: keys in kebab-case, unknown keys refused."""

    __slots__ = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = {"alias_generator": kebab, "extra": "forbid"}


class RawValueRule:
    """The rule sees the value as it stands in the file, and may turn it into the field's type.

    Attributes:
        rule: returns the value to go on with, or raises ValueError.
        also: JSON schema of what the rule accepts beyond the type.
    """

    def __init__(self, rule: Callable[[Any], Any], *, also: dict[str, Any]) -> None:
        self.rule = rule
        self.also = also

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.rule, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [handler(schema), self.also]}


class AllowedValues(str):
    """Beside a type: what may stand there, in words, where the type alone does not say it."""

    __slots__ = ()


def check_name(text: str, *, longest: int) -> str:
    """Check a name: safe as file name, interface name and shell word.

    Raises:
        ValueError: it is not.
    """
    if _NAME.fullmatch(text) is None:
        raise ValueError("not a name; lower-case letters, digits and `-`, starting with a letter")
    if len(text) > longest:
        raise ValueError(f"too long, {len(text)} characters; at most {longest}")
    return text


def is_name(text: str, *, longest: int) -> bool:
    """Return whether ``check_name`` would accept it."""
    return _NAME.fullmatch(text) is not None and len(text) <= longest


def check_address(text: Any) -> IPv4Interface:
    """Check an IPv4 host address with its prefix length.

    Raises:
        ValueError: anything else, or an address no host of that subnet can have.
    """
    if not isinstance(text, str) or _ADDRESS.fullmatch(text) is None:
        raise ValueError("not an address; IPv4 with its prefix length, such as `10.0.0.2/24`")
    try:
        address = IPv4Interface(text)
    except ValueError:
        raise ValueError("not an address; four numbers up to 255 and a prefix length up to 30") from None
    if address.network.prefixlen > 30:
        raise ValueError("no room for two hosts; a prefix length of at most 30")
    if address.ip in (address.network.network_address, address.network.broadcast_address):
        raise ValueError("not a host's address; an address between the first and the last of its subnet")
    return address


def check_host(text: str) -> str:
    """Check an IPv4 host address without a prefix length.

    Raises:
        ValueError: anything else.
    """
    try:
        return str(IPv4Address(text))
    except ValueError:
        raise ValueError("not an address; IPv4 without a prefix length, such as `198.51.100.3`") from None


def _mtu(value: int) -> int:
    if not SMALLEST_MTU <= value < LARGEST_MTU:
        raise ValueError(f"out of range; {SMALLEST_MTU} to {LARGEST_MTU - 1} bytes")
    return value


def _or_never(value: Any) -> Any:
    if value is None:
        raise ValueError("nothing; a time such as `60 s`, or `never`")
    return None if value == "never" else value


def _one_or_more(value: Any) -> tuple[str, ...]:
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, list) or not words or not all(isinstance(word, str) for word in words):
        raise ValueError(
            "neither a name nor a list of names; a name or a list, such as `none` or `[none, hold-transport]`"
        )
    return tuple(words)


def _short(text: str) -> str:
    return visible(text, most=50)


def _words(value: Any) -> tuple[str, ...]:
    example = "such as `[./my-client, --verbose]`"
    if not isinstance(value, list) or not value:
        raise ValueError(f"not a program and its arguments; a list, {example}")
    for word in value:
        if not isinstance(word, str) or "\0" in word:
            raise ValueError(f"`{_short(json.dumps(word))}` is not text; put it in quotes, {example}")
    if not value[0]:
        raise ValueError(f"a program without a name; {example}")
    return tuple(value)


def _variables(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, dict) or not value:
        raise ValueError("not a mapping of names to texts; a mapping such as `{MODE: test}`")
    for name, text in value.items():
        if _VARIABLE.fullmatch(name) is None:
            example = "such as `{MODE: test}`"
            raise ValueError(f"`{_short(name)}` is not a variable's name; letters, digits and `_`, {example}")
        if not isinstance(text, str):
            raise ValueError(f"the value of `{_short(name)}` is not text; put it in quotes")
    return tuple(value.items())


def _seed(value: int) -> int:
    if not 0 <= value < 2**32:
        raise ValueError(f"out of range; 0 to {2**32 - 1}")
    return value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("empty; some text")
    return value


NodeName = Annotated[str, Checked(partial(check_name, longest=LONGEST_NODE)), AllowedValues("the name of a node")]
LinkName = Annotated[str, Checked(partial(check_name, longest=LONGEST_LINK)), AllowedValues("the name of a link")]
OfNode = Annotated[str, AllowedValues("the name of a node")]
OfLink = Annotated[str, AllowedValues("the name of a link")]
"""Of one that must be there, which is another's to check."""
CauseName = Annotated[str, AllowedValues("one of the causes that `lab reference` lists")]
"""Which there are, the loader knows."""
Label = Annotated[str, Checked(partial(check_name, longest=LONGEST_LABEL)), AllowedValues("a name")]
ServerName = Annotated[str, AllowedValues("the name of a server program")]
ProxyName = Annotated[str, AllowedValues("the name of a proxy program")]
ClientName = Annotated[str, AllowedValues("the name of a client program, or a name")]
"""Of programs, which only the catalogs of programs know."""
HostAddress = Annotated[str, Checked(check_host), AllowedValues("an IPv4 address such as `198.51.100.3`")]
Mtu = Annotated[int, Checked(_mtu), AllowedValues(f"a whole number of bytes, {SMALLEST_MTU} to {LARGEST_MTU - 1}")]
"""Less than a link of the lab carries anyway."""
Seed = Annotated[int, Checked(_seed), AllowedValues(f"a whole number, 0 to {2**32 - 1}")]
Text = Annotated[str, Checked(_text)]
WholeSecondsOrNever = Annotated[
    WholeSeconds | None,
    RawValueRule(_or_never, also={"const": "never"}),
    AllowedValues("a time such as `60 s`, or `never`"),
]
"""None is written ``never``."""
OneOrMore = Annotated[
    tuple[str, ...], RawValueRule(_one_or_more, also={"type": "string"}), AllowedValues("a name or a list of names")
]
"""Written as one name or as a list of names."""
Words = Annotated[
    tuple[str, ...],
    RawValueRule(_words, also={"type": "array", "minItems": 1}),
    AllowedValues("a list such as `[./my-client, --verbose]`"),
]
"""A program and its arguments."""
Variables = Annotated[
    tuple[tuple[str, str], ...],
    RawValueRule(_variables, also={"type": "object", "additionalProperties": {"type": "string"}}),
    AllowedValues("a mapping of names to texts such as `{MODE: test}`"),
]
"""Environment variables; a mapping in YAML."""
