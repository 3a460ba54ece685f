"""Does a test's job in guests, a folder for each question."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from lab import ledger
from lab.engine.world_jobs import Batch, do
from lab.errors import HostNotCapable
from lab.model import wire
from lab.worlds import kernel, uml
from lab.worlds.clock import GUEST_MEMORY_MB, Clock


def in_guests(job: str, questions: Sequence[Any], folder: Path, *, file: str) -> list[Path]:
    """Do a job for each question, written into ``file`` of a folder below ``folder``; return these folders.

    Skips the test where guests cannot be had.
    """
    try:
        if kernel.find() is None:
            kernel.build()
        clock = uml.decide("virtual")
    except HostNotCapable as lack:
        pytest.skip(str(lack))
    return in_worlds(job, questions, folder, file=file, clock=clock)


def in_worlds(job: str, questions: Sequence[Any], folder: Path, *, file: str, clock: Clock) -> list[Path]:
    """Do the same in worlds of either kind."""
    folders = [folder / str(number) for number in range(len(questions))]
    for place, question in zip(folders, questions, strict=True):
        place.mkdir()
        (place / file).write_text(json.dumps(wire.to_json(question)))
    book = ledger.Ledger(f"test-{folder.name}-{os.getpid()}")
    batch = Batch(
        job=job,
        folders=folders,
        writable=folder,
        clock=clock,
        memory_mb=GUEST_MEMORY_MB,
        ledger=book,
        on_message=lambda message: None,
    )
    (errors,) = do([batch])
    book.close()
    assert errors == {}, [str(error) for error in (errors or {}).values()]
    return folders
