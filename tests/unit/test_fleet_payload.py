"""A cell on its way to a worker, and what came of it on its way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabFault
from lab.fleet import payload
from lab.runner import cell_file
from tests.records import cell

RECORD, LOG, CAPTURE = "record.jsonl", "logs/kamailio.log", "core.pcapng"


def _run_folder(place: Path) -> Path:
    folder = place / "cells" / "none,idle"
    folder.mkdir(parents=True)
    (place / "tls").mkdir()
    (place / "tls" / "server.key").write_bytes(b"key")
    cell_file.write(folder, cell())
    (folder / "twin.json").write_text("{}")
    return folder


def _work(folder: Path, *, captures: bool = False) -> payload.Work:
    work = payload.work(folder, run="r", job="m:f", memory_mb=256, captures=captures)
    return payload.unpack_work(payload.pack(work))


def _ran(folder: Path) -> None:
    for name in (RECORD, LOG, CAPTURE):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(name.encode())


@pytest.mark.parametrize("captures", [False, True])
def test_there_and_back(tmp_path: Path, captures: bool) -> None:
    """The worker has the cell and the certificates; what the cell leaves comes back, captures only if asked for."""
    ours = _run_folder(tmp_path / "run")
    work = _work(ours, captures=captures)
    theirs = payload.lay_out(work, tmp_path / "worker")
    assert theirs.name == "none,idle"
    assert cell_file.read(theirs) == cell()
    assert (theirs.parent.parent / "tls" / "server.key").read_bytes() == b"key"
    assert (theirs.parent.parent / "tls" / "server.key").stat().st_mode & 0o777 == 0o600
    assert not (theirs / "twin.json").exists()
    _ran(theirs)
    result = payload.Result(worker="w", error=None, files=payload.left_in(theirs, work))
    payload.put_into(ours, payload.unpack_result(payload.pack(result)).files)
    assert (ours / RECORD).read_bytes() == RECORD.encode()
    assert (ours / LOG).read_bytes() == LOG.encode()
    assert (ours / CAPTURE).exists() == captures


@pytest.mark.parametrize("name", ["../elsewhere", "/tmp/elsewhere", "logs/../../elsewhere", "cell.json"])
def test_a_worker_writes_nowhere_else(tmp_path: Path, name: str) -> None:
    ours = _run_folder(tmp_path / "run")
    before = (ours / "cell.json").read_bytes()
    with pytest.raises(LabFault, match="a file with the name"):
        payload.put_into(ours, {name: b"x"})
    assert (ours / "cell.json").read_bytes() == before
    assert not (tmp_path / "run" / "cells" / "elsewhere").exists()


@pytest.mark.parametrize("data", [b"", b"x", payload.pack(payload.Work("", "", "", "", 1, False, {}, {}))])
def test_bytes_that_are_no_result(data: bytes) -> None:
    with pytest.raises(LabFault, match="read what a worker has sent"):
        payload.unpack_result(data)
