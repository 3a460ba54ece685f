"""The capture of a cell, imported, gives a scenario whose run ends as the cell did. A cheap sample; bench has more."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from lab.cell_capture.write import FILE_NAME
from lab.importing.importing import import_files
from tests.e2e.lab_command import ROOT
from tests.e2e.round_trip import of, trips
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

SECRETS = 10
"""The type of a Decryption Secrets Block (draft-ietf-opsawg-pcapng)."""
ALL = ROOT / "scenarios" / "article" / "all.yaml"
SAMPLE = Cells(
    ALL,
    only=("strategy=none", "strategy=hold-transport", "failure=nat-silent", "failure=rst", "failure=server-close"),
)


@pytest.mark.cells(SAMPLE)
def test_the_capture_of_a_cell_gives_its_scenario_back(virtually: Virtually, tmp_path: Path) -> None:
    """Same verdict, same cause, timers inside the bracket; nothing in it is the cell's own but what was sent."""
    for trip in trips(of(virtually, SAMPLE), tmp_path):
        assert trip.same, (trip.name, trip.before, trip.after, trip.outside)


@pytest.mark.cells(SAMPLE)
def test_sizes_and_times_say_the_same_as_the_messages(virtually: Virtually, tmp_path: Path) -> None:
    """Without the TLS secrets the same causes come out, and the scenario says that messages were guessed."""
    for name, _, folder in of(virtually, SAMPLE):
        open_, closed = folder / FILE_NAME, tmp_path / f"{name}.pcapng"
        closed.write_bytes(without_secrets(open_.read_bytes()))
        found = [import_files([file]).scenarios[0] for file in (open_, closed)]
        assert len({each.hypothesis.cause for each in found}) == 1, name
        assert ["TLS could not be opened" in each.text for each in found] == [False, True]


def without_secrets(data: bytes) -> bytes:
    """Return a pcapng file of the lab without its Decryption Secrets Blocks."""
    kept, at = b"", 0
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        kept += b"" if kind == SECRETS else data[at : at + length]
        at += length
    return kept
