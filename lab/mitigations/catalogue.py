"""Which mitigations there are: one per module of this package, besides ``base`` and this one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from lab.mitigations.base import Mitigation

_NOT_MITIGATIONS = {"__init__", "base", "catalogue"}


def classes() -> dict[str, type[Mitigation]]:
    """The mitigation classes by ``kind``, sorted by it. Imports their modules."""
    names = {path.stem for path in Path(__file__).parent.glob("*.py")} - _NOT_MITIGATIONS
    found = (_class_in(f"{__package__}.{name}") for name in sorted(names))
    return {cls.kind: cls for cls in found}


def _class_in(module: str) -> type[Mitigation]:
    names = vars(import_module(module)).values()
    (cls,) = (
        value for value in names if isinstance(value, type) and value.__module__ == module and "kind" in vars(value)
    )
    return cls
