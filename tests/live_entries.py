"""Entries of the registry of labs that stay up."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from lab.ledger import ProcessName, ProcessSpace, started
from lab.live_lab.registry import Entry


def entry(name: str = "default", **different: Any) -> Entry:
    """A lab that this process keeps."""
    made = Entry(
        name=name,
        owner=ProcessName(os.getpid(), started(os.getpid()) or 0),
        space=ProcessSpace.here(),
        folder=Path("/tmp/cell"),
        scenario="home-nat",
        cell="none",
        nodes=("client", "server"),
        links={"lan": ("client", "server")},
    )
    return dataclasses.replace(made, **different)
