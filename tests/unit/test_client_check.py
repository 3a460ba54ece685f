"""What `lab actor check` says of a client that does not get far, on records written by hand."""

from __future__ import annotations

from lab.judge.client_check import Finding, conforms, findings
from lab.record.events import Aborted, ClientReady
from tests.records import CLIENT, END, Line, cell, evidence, say


def found(*entries: Line) -> dict[str, Finding]:
    seen = evidence(cell(), *entries, END)
    return {finding.what: finding for finding in findings(seen, seen)}


def test_a_program_that_cannot_be_started() -> None:
    """It ended before time began; of all else nothing is known."""
    said = found(say(-0.02, CLIENT, Aborted(how="exit status 127", last="cannot start `./x`: Exec format error")))
    runs = said.pop("runs")
    assert runs.seen is False
    assert runs.detail == "ended by exit status 127 before it said anything: cannot start `./x`: Exec format error"
    assert {(one.seen, one.detail) for one in said.values()} == {(None, "")}
    assert not conforms([runs, *said.values()])


def test_a_program_that_ends_once_it_is_ready() -> None:
    """What it has said counts."""
    ready = say(0.1, CLIENT, ClientReady(version="1"))
    said = found(ready, say(0.5, CLIENT, Aborted(how="exit status 1", last="oops")))
    assert said["runs"].detail == "ended by exit status 1 after 0.5 s: oops"
    assert (said["says `ready`"].seen, said["says `ready`"].detail) == (True, "offers no mitigation of its own")
    assert said["says `subscribed`"].seen is False
