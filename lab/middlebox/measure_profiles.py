"""Measures middlebox profiles side by side, each in its own world."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab.engine.world_jobs import Batch, do
from lab.errors import LabError
from lab.ledger import Ledger
from lab.middlebox import measure_outside
from lab.middlebox.compare import BehaviorComparison, compare
from lab.middlebox.compare_outside import compare_outside
from lab.middlebox.ends import SERVER
from lab.middlebox.measure import ANSWER_FILE, QUESTION_FILE
from lab.middlebox.measurement import Measurement, MeasurementRequest
from lab.model import wire
from lab.model.middlebox import Middlebox
from lab.nat_probe import findings
from lab.worlds.clock import Clock

JOB = "lab.middlebox.measure:run"
"""Answers the question in a folder."""

JOB_OUTSIDE = "lab.middlebox.measure_outside:run"
"""Answers it with the programs of ``lab probe``."""

LONGEST_S = {Clock.VIRTUAL: 10 * 86400.0, Clock.REAL: 65.0}
"""How long anything is waited for: in virtual time twice the longest timer of the catalog, which Linux has; in real
time enough for a timer of a minute."""

Result = list[BehaviorComparison] | LabError
"""Of a profile: each behavior, or why it could not be measured."""


def measure_profiles(
    boxes: Sequence[Middlebox],
    claims: Sequence[Middlebox],
    folder: Path,
    ledger: Ledger,
    *,
    clock: Clock,
    memory_mb: int,
    on_done: Callable[[str], None],
    outside: bool = False,
) -> list[Result] | None:
    """Measure profiles and compare each with a claim; None if it was interrupted.

    Args:
        boxes: what is built.
        claims: what each is compared with.
        folder: empty; a folder for each is made in it.
        ledger: of what is made.
        clock: of the worlds.
        memory_mb: memory of a virtual-time guest, in MiB.
        on_done: takes the name of each that is done.
        outside: measure with the programs of ``lab probe``.
    """
    folders = [folder / profile.name for profile in boxes]
    for place, profile, claim in zip(folders, boxes, claims, strict=True):
        place.mkdir()
        longest = LONGEST_S[clock]
        question = (
            measure_outside.OutsideRequest(boxes=(profile,), longest=longest)
            if outside
            else MeasurementRequest(box=profile, claim=claim, longest=longest)
        )
        (place / QUESTION_FILE).write_text(json.dumps(wire.to_json(question)), encoding="utf-8")

    def on_message(message: dict[str, Any]) -> None:
        if message["ev"] == "ended":
            on_done(Path(message["cell"]).name)

    batch = Batch(
        job=JOB_OUTSIDE if outside else JOB,
        folders=folders,
        writable=folder,
        clock=clock,
        memory_mb=memory_mb,
        ledger=ledger,
        on_message=on_message,
    )
    (errors,) = do([batch])
    if errors is None:
        return None
    return [
        errors[place]
        if place in errors
        else (compare_outside(claim, _findings(place)) if outside else compare(claim, _answer(place)))
        for place, claim in zip(folders, claims, strict=True)
    ]


def _findings(folder: Path) -> findings.Findings:
    return findings.load(folder / measure_outside.FINDINGS_FILE, SERVER)


def _answer(folder: Path) -> Measurement:
    return wire.from_json(Measurement, json.loads((folder / ANSWER_FILE).read_text("utf-8")))
