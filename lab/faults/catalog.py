"""Finds the faults: each module of this package is one.

``base``, this module, ``feasibility`` and those whose name begins with ``_`` are none.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path

from lab.faults.base import Fault
from lab.model.verdict import CauseKind

_NOT_FAULTS = {"base", "catalog", "feasibility"}
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


@cache
def classes() -> dict[str, type[Fault]]:
    """Return the fault classes by their names in scenarios, in the order in which they are listed."""
    found = [_class_in(path.stem) for path in Path(__file__).parent.glob("[!_]*.py") if path.stem not in _NOT_FAULTS]
    by_name = {name_of(cls): cls for cls in found}
    return dict(sorted(by_name.items(), key=lambda item: (item[1].order, item[0])))


def name_of(cls: type[Fault]) -> str:
    """Return the name of a fault in scenarios."""
    return _HUMP.sub("-", cls.__name__).lower()


def causes() -> tuple[CauseKind, ...]:
    """Return the kinds of cause that faults can be, in the order of the faults."""
    return tuple(kind for cls in classes().values() for kind in cls.causes)


def find(class_name: str) -> type[Fault]:
    """Return the class of that name. It imports no other fault: in a guest, imports cost much.

    Raises:
        ValueError: there is none.
    """
    stem = _HUMP.sub("_", class_name).lower()
    if stem in _NOT_FAULTS or not stem.isidentifier() or not (Path(__file__).parent / f"{stem}.py").is_file():
        raise ValueError(f"no fault {class_name}")
    return _class_in(stem)


def _class_in(stem: str) -> type[Fault]:
    module = f"{__package__}.{stem}"
    (cls,) = (
        value
        for value in vars(import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Fault) and value.__module__ == module
    )
    return cls
