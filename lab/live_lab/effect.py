"""Asks the record of a lab that is up whether an injected fault has had its effect."""

from __future__ import annotations

from lab.faults.base import faults_of, occurrence
from lab.live_lab.registry import Entry
from lab.record import reader
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME
from lab.runner import cell_file


def missing(lab: Entry, number: int) -> str:
    """Return what the record should show of a fault that was injected and does not, a clause; empty if it shows it."""
    cell = cell_file.read(lab.folder)
    evidence = Evidence(cell, reader.read(lab.folder / FILE_NAME, cell))
    seen = occurrence(evidence, number)
    return "it did not begin" if seen is None else faults_of(cell)[number].missing(seen)
