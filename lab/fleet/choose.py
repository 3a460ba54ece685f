"""Chooses the engine that runs the cells; light, because ``lab --help`` reads it."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from typing import TYPE_CHECKING

from lab import DISTRIBUTION
from lab.errors import HostNotCapable
from lab.visible_text import visible

if TYPE_CHECKING:
    from lab.engine.world_jobs import Engine

SCHEDULER = re.compile(r"(tcp|tls)://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):[0-9]{1,5}")
"""The address of a scheduler."""


class EngineKind(str, Enum):
    """The engines: worlds of this process, or Dask's workers."""

    LOCAL = "local"
    DASK = "dask"


@dataclass(frozen=True)
class EngineChoice:
    """An engine and its settings.

    Attributes:
        kind: the engine.
        scheduler: the address of Dask's; None: one for this machine is started for each run.
        captures: whether captures come back from workers.
    """

    kind: EngineKind = EngineKind.LOCAL
    scheduler: str | None = None
    captures: bool = False

    @property
    def is_local(self) -> bool:
        """True if worlds of this process run the cells."""
        return self.kind is EngineKind.LOCAL

    @property
    def runs_here(self) -> bool:
        """True if cells run on this machine."""
        return self.is_local or self.scheduler is None

    def engine(self, say: Callable[[str], None] | None = None) -> Engine | None:
        """Return the engine; None: worlds of this process.

        Args:
            say: takes a sentence about each worker that is not used; None: they go to standard error.

        Raises:
            HostNotCapable: dask.distributed is not installed.
        """
        if self.is_local:
            return None
        check_installed()
        from lab.fleet.dask_engine import DaskEngine

        return DaskEngine(self.scheduler, captures=self.captures, say=say or _to_standard_error)


LOCAL = EngineChoice()
"""Worlds of this process."""


def check_installed() -> None:
    """Check that dask.distributed is there.

    Raises:
        HostNotCapable: it is not.
    """
    if find_spec("distributed") is None:
        raise HostNotCapable(
            "Dask's engine and workers need dask.distributed", fix=f"`pip install '{DISTRIBUTION}[cluster]'`"
        )


def _to_standard_error(sentence: str) -> None:
    print(f"note: {visible(sentence)}", file=sys.stderr, flush=True)  # noqa: T201
