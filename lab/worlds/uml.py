"""A guest kernel in time-travel mode as a world: virtual time, without root."""

from __future__ import annotations

from pathlib import Path

from lab.errors import HostNotCapable
from lab.worlds.clock import Clock


def decide(wish: str) -> Clock:
    """Turn ``auto``, ``real`` or ``virtual`` into a clock.

    Raises:
        HostNotCapable: virtual time is wished for and this machine lacks what it takes.
    """
    if wish == Clock.VIRTUAL.value:
        raise HostNotCapable("no kernel for virtual time", fix="use --clock real")
    return Clock.REAL


def command(run_folder: Path, *, guest: int, memory_mb: int) -> tuple[list[str], dict[str, str]]:
    """The command line and environment of a guest that may write into ``run_folder`` and nowhere else."""
    raise HostNotCapable("no kernel for virtual time", fix="use --clock real")
