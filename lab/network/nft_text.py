"""Formats parts of an nft rule set. Pure."""

from __future__ import annotations

Lines = tuple[str, ...]


def named_set(name: str, kind: str, of: str) -> Lines:
    """Return the declaration of a set or map that rules fill.

    Args:
        name: its name.
        kind: ``set`` or ``map``.
        of: its type, with ``type`` or ``typeof``.
    """
    return (f"{kind} {name} {{", f"\t{of}", "\tflags dynamic", "}")


def chain(name: str, hook: str, *rules: str) -> Lines:
    """Return a chain with its rules."""
    return (f"chain {name} {{", f"\ttype {hook}", *(f"\t{rule}" for rule in rules), "}")
