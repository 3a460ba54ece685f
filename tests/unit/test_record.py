"""The record's file: how it is written and read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.record import codec
from lab.record.entry import TimedEvent
from lab.record.events import VERSION, Event, NeverSilent, RecordBegan, ServerReady, Subscribed
from lab.record.reader import read
from lab.record.writer import FILE_NAME, RUNNER, RecordWriter
from tests.records import CLIENT, cell

# Writing


def test_writer(tmp_path: Path) -> None:
    """The version comes first; what happened before time zero is negative, and in time order."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    seen: list[TimedEvent[Event]] = []
    writer.watch(seen.append)
    writer.take("b", Subscribed(), at=90.0)
    writer.take("a", Subscribed(), at=80.0)
    writer.begin_silence(100.0)
    writer.take("c", Subscribed(), at=101.5)
    writer.close()
    first, *entries = read(tmp_path / FILE_NAME, cell())
    by_line = sorted([first, *entries], key=lambda entry: entry.line)
    assert by_line[0].event == RecordBegan(version=VERSION)
    told = [(entry.t, entry.who) for entry in by_line[1:]]
    assert told == [(-20.0, "a"), (-10.0, "b"), (1.5, "c")]
    assert [(happening.at, happening.who) for happening in seen] == [(90.0, "b"), (80.0, "a"), (101.5, "c")]


def test_writer_without_silence(tmp_path: Path) -> None:
    """A client that was never set up leaves what was seen, and a last line that says so."""
    writer = RecordWriter(tmp_path / FILE_NAME)
    writer.take("server", ServerReady(ports={}))
    writer.close()
    writer.close()
    events = [entry.event for entry in read(tmp_path / FILE_NAME, cell())]
    assert events == [RecordBegan(version=VERSION), ServerReady(ports={}), NeverSilent()]


# Reading


BEGAN = codec.to_line(0.0, RUNNER, RecordBegan(version=VERSION))


def line(t: float) -> bytes:
    return codec.to_line(t, CLIENT, Subscribed())


def test_lines_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    """Who writes a line may be slower than who writes the next; numbers are an editor's; a torn line is left out."""
    path = tmp_path / FILE_NAME
    path.write_bytes(BEGAN + line(2.0) + line(1.0) + line(3.0) + line(0.5)[:-9])
    assert [(entry.t, entry.line) for entry in read(path, cell())] == [(0.0, 1), (1.0, 3), (2.0, 2), (3.0, 4)]


def test_no_record(tmp_path: Path) -> None:
    """A cell that was never run has none, and that is no error."""
    assert read(tmp_path / FILE_NAME, cell()) == []


@pytest.mark.parametrize(
    ("data", "number", "what"),
    [
        (BEGAN + line(1.0) + b"what?\n", 3, "not a line of a record"),
        (BEGAN + line(1.0).replace(b"subscribed", b"unknown") + line(2.0), 2, "not a line of a record"),
        (BEGAN + b"\n", 2, "not a line of a record"),
        (codec.to_line(0.0, RUNNER, RecordBegan(version=99)) + line(1.0), 1, "a record of version 99"),
        (b'{"t":0.0,"who":"server","ev":"ready"}\n{"t":1.0}\n', 1, "not a line of a record"),  # of version 1
    ],
)
def test_damaged(tmp_path: Path, data: bytes, number: int, what: str) -> None:
    """The file and the line are named."""
    path = tmp_path / FILE_NAME
    path.write_bytes(data)
    with pytest.raises(ScenarioError) as caught:
        read(path, cell())
    (problem,) = caught.value.problems
    assert (problem.file, problem.line, problem.what) == (str(path), number, what)


def test_unreadable(tmp_path: Path) -> None:
    """A folder in the place of the file is told, too."""
    with pytest.raises(ScenarioError, match="not a file"):
        read(tmp_path, cell())
