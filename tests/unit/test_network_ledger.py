"""The ledger: what was intended is on disk whatever happens next."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.network.ledger import Entry, Ledger, read


def test_what_is_done_is_marked(tmp_path: Path) -> None:
    """Entries come back in order, each saying whether it is over."""
    ledger = Ledger(tmp_path / "ledger")
    first = ledger.intend("make a link", "ends with process 1")
    ledger.intend("start a process", "kill 4711")
    ledger.done(first)
    ledger.close()
    assert read(tmp_path / "ledger") == (
        Entry(number=1, what="make a link", undo="ends with process 1", done=True),
        Entry(number=2, what="start a process", undo="kill 4711", done=False),
    )


def test_never_overwritten(tmp_path: Path) -> None:
    """A ledger that is there already is left alone."""
    Ledger(tmp_path / "ledger").close()
    with pytest.raises(FileExistsError):
        Ledger(tmp_path / "ledger")


def test_killed_while_writing(tmp_path: Path) -> None:
    """A last line cut short is left out; a broken line elsewhere is not passed over."""
    path = tmp_path / "ledger"
    ledger = Ledger(path)
    ledger.intend("whole", "")
    ledger.close()
    whole = path.read_text()
    path.write_text(whole + whole[:10])
    assert [entry.what for entry in read(path)] == ["whole"]
    path.write_text(whole[:10] + "\n" + whole)
    with pytest.raises(ValueError, match="line 1"):
        read(path)


def test_written_before_it_returns(tmp_path: Path) -> None:
    """``intend`` has written when it returns; nothing waits for ``close``."""
    ledger = Ledger(tmp_path / "ledger")
    ledger.intend("öffnen", "schließen")
    assert read(tmp_path / "ledger")[0].undo == "schließen"
    ledger.close()
