"""Which faults there are: one per module of this package.

``base``, this module and those whose name begins with ``_`` are none.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from pathlib import Path

from lab.faults.base import Fault

_NOT_FAULTS = {"base", "catalogue", "feasibility"}
_HUMP = re.compile(r"(?<!^)(?=[A-Z])")


def name_of(fault: Fault | type[Fault]) -> str:
    """Return the name in scenarios: ``server-freeze`` of ``ServerFreeze``."""
    cls = fault if isinstance(fault, type) else type(fault)
    return _HUMP.sub("-", cls.__name__).lower()


@cache
def classes() -> dict[str, type[Fault]]:
    """Return the fault classes by their name in scenarios, sorted by it. Imports their modules."""
    stems = {path.stem for path in Path(__file__).parent.glob("[!_]*.py")} - _NOT_FAULTS
    return {stem.replace("_", "-"): _class_in(stem) for stem in sorted(stems)}


def find(class_name: str) -> type[Fault]:
    """Return the class of that name; imports its module alone.

    Raises:
        LookupError: there is none.
    """
    stem = _HUMP.sub("_", class_name).lower()
    if stem in _NOT_FAULTS or not (Path(__file__).parent / f"{stem}.py").is_file():
        raise LookupError(f"no fault {class_name}")
    return _class_in(stem)


def _class_in(stem: str) -> type[Fault]:
    module = f"{__package__}.{stem}"
    (cls,) = (
        value
        for value in vars(import_module(module)).values()
        if isinstance(value, type) and issubclass(value, Fault) and value.__module__ == module
    )
    return cls
