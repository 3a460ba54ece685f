"""Mutates the scenarios that the lab ships: keys, values, types, nesting, YAML's syntax, escapes, anchors, numbers."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path
from typing import Any

from lab.loader.yaml_lines import read_yaml
from tests.fuzz.json_values import ODD, places

ROOT = Path(__file__).parents[2]
MOST_LINES = 60
"""Longer scenarios take too long to load many times."""

VALUES = (
    *(
        "0 s",
        "-1 s",
        "1e9 s",
        "99999999999999999999 h",
        "0.0000001 ms",
        "1 fortnight",
        "s",
        "45",
        "1 %",
        "101 %",
        "1 Mbit/s",
    ),
    *(
        "none",
        "all",
        "tls",
        "udp",
        "sctp",
        "lan",
        "home-nat",
        "pjsip",
        "kamailio",
        "subscribe",
        "register",
        "~",
        "null",
    ),
    *(
        "true",
        "yes",
        "0x1F",
        "1_000",
        "1e400",
        ".inf",
        ".nan",
        "2026-01-01",
        "[",
        "{",
        "[]",
        "{}",
        "''",
        '""',
        "|",
        ">",
    ),
    *('"\\UFFFFFFFF"', '"\\U0011FFFF"', '"\\ud800"', '"\\x00"', '"\\e[31m"', '"\\u202e"', '"\\q"', '"\\N"', '"\\', "'"),
    *(
        "&a x",
        "*a",
        "!!python/object:os.system x",
        "!!binary aGk=",
        "!x",
        "? x",
        "<<: *a",
        "- - - -",
        "a: b: c",
        "# x",
        "%x",
    ),
    *(
        "{a: {a: {a: {a: {}}}}}",
        "[" * 50,
        "{a: " * 30,
        "x" * 3000,
        "\u202e\u2066",
        "\ufeff",
        "\u00a0",
        "\x85",
        "\t",
        "…" * 400,
    ),
    *(
        "${HOME}",
        "$(id)",
        "../../../etc/passwd",
        "/dev/zero",
        "a/b",
        "a,b",
        "-x",
        "con",
        "x" * 300,
        "9" * 5000,
        "1" * 40 + " s",
    ),
)
"""What is written in the place of a value."""
SYNTAX = (
    *(
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "\t",
        "  ",
        ": ",
        "- ",
        "? ",
        "\n",
        "&a ",
        "*a",
        "!!str ",
        "|\n",
        '"',
        "'",
        "[",
        "]",
    ),
    *("{", "}", ",", "#", "\\", "\r", "\x85", "\u2028", "\ufeff", "<<: ", "@", "`", "\x00", "\x1b"),
)
BOMB = "\n".join(
    [
        "a: &a [x, x, x, x]",
        *(f"{this}: &{this} [*{last}, *{last}, *{last}]" for last, this in zip("abcdef", "bcdefg", strict=True)),
    ]
)


@cache
def shipped() -> tuple[tuple[str, str], ...]:
    """Return the scenarios, each with its path from the top of the project."""
    files = sorted((ROOT / "scenarios").rglob("*.yaml"))
    texts = ((str(file.relative_to(ROOT)), file.read_text("utf-8")) for file in files)
    return tuple((name, text) for name, text in texts if text.count("\n") <= MOST_LINES)


@cache
def trees() -> dict[str, Any]:
    """Return the scenarios as JSON values."""
    read = {name: read_yaml(text, name, []) for name, text in shipped()}
    return {name: root.plain() for name, root in read.items() if root is not None}


@cache
def parts() -> tuple[tuple[Any, Any], ...]:
    """Return every key and value of all scenarios: what could stand in another place."""
    return tuple((key, parent[key]) for tree in trees().values() for parent, key in places(tree))


def mutated(chance: random.Random) -> tuple[str, str]:
    """Return a mutated scenario, and where the original is."""
    name, text = chance.choice(shipped())
    how = chance.choice((_tree, _tree, _tree, _value, _value, _lines, _syntax, _bytes))
    for _ in range(chance.choice((1, 1, 2, 3))):
        text = how(name, text, chance)
        how = chance.choice((_value, _lines, _syntax))
    return name, text


def _tree(name: str, _: str, chance: random.Random) -> str:
    """Mutate the values and write them as JSON, which is YAML."""
    tree = json.loads(json.dumps(trees()[name]))
    for _time in range(chance.choice((1, 1, 2, 4))):
        there = places(tree)
        if not there:
            break
        parent, key = chance.choice(there)
        other_key, other = chance.choice(parts())
        match chance.randrange(6):
            case 0:
                del parent[key]
            case 1 if isinstance(parent, dict):
                parent[str(other_key)] = other
            case 2 if isinstance(parent, dict):
                parent[str(key) + chance.choice(("s", "x", " ", "\x1b", "é"))] = parent.pop(key)
            case 3:
                parent[key] = chance.choice(ODD)
            case 4:
                parent[key] = [parent[key]] * chance.choice((1, 2, 3))
            case _:
                parent[key] = other
        tree = json.loads(json.dumps(tree))  # no value is in two places
    return json.dumps(tree, indent=chance.choice((None, 1)), ensure_ascii=chance.random() < 0.5)


def _value(_: str, text: str, chance: random.Random) -> str:
    """Write something else behind a colon or a dash."""
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    for mark in (": ", "- "):
        head, found, _tail = lines[at].partition(mark)
        if found:
            lines[at] = head + mark + chance.choice(VALUES)
            break
    return "\n".join(lines)


def _lines(_: str, text: str, chance: random.Random) -> str:
    """Lose, double, move, indent or join lines, or put a bomb between them."""
    lines = text.split("\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(7):
        case 0:
            del lines[at]
        case 1:
            lines.insert(to, lines[at])
        case 2:
            lines.insert(to, lines.pop(at))
        case 3:
            lines[at] = chance.choice((" ", "  ", "    ", "\t")) + lines[at]
        case 4:
            lines[at] = lines[at].lstrip()
        case 5:
            lines[at : at + 2] = [" ".join(lines[at : at + 2])]
        case _:
            lines.insert(to, BOMB)
    return "\n".join(lines)


def _syntax(_: str, text: str, chance: random.Random) -> str:
    """Put a piece of syntax somewhere, or take a piece of text away."""
    at = chance.randrange(len(text) + 1)
    if chance.random() < 0.3:
        return text[:at] + text[at + chance.choice((1, 1, 5, 50)) :]
    return text[:at] + chance.choice(SYNTAX) * chance.choice((1, 1, 1, 3, 100)) + text[at:]


def _bytes(_: str, text: str, chance: random.Random) -> str:
    """Change characters one by one."""
    characters = list(text)
    for _time in range(chance.choice((1, 1, 3, 20))):
        if characters:
            characters[chance.randrange(len(characters))] = chr(
                chance.choice((chance.randrange(128), chance.randrange(0x3000)))
            )
    return "".join(characters)
