"""Records as they are read: in time order, each line with its number in the file."""

from __future__ import annotations

from pathlib import Path

from lab.runner import record


def test_lines_are_numbered_as_in_the_file(tmp_path: Path) -> None:
    """Who writes a line may be slower than who writes the next; numbers are an editor's; a torn line is left out."""
    path = tmp_path / record.FILE_NAME
    path.write_text('{"t":2.0,"ev":"b"}\n{"t":1.0,"ev":"a"}\n{"t":3.0,"ev":"c"}\n{"t":0.5,"ev":')
    assert [(line["ev"], line["line"]) for line in record.read(path)] == [("a", 2), ("b", 1), ("c", 3)]
