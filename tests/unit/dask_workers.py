"""Workers of a Dask scheduler, for tests."""

from __future__ import annotations

from typing import Any

import msgspec

from lab.fleet.capabilities import Capabilities

OWN = Capabilities("1.0", "aaaa", "kkkk", 2, ("client pjsip 2.15.1", "server scripted"))


def told(name: str, can: Capabilities | None, nthreads: int = 4) -> dict[str, Any]:
    """What a scheduler tells of a worker, by its address."""
    said = {} if can is None else {"lab": msgspec.to_builtins(can)}
    return {f"tcp://{name}:1": {"name": name, "nthreads": nthreads, **said}}
