"""Turns a cell's folder into bytes for a worker, and what came of it into bytes for whoever asked."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from lab.engine.twins.folder import TWIN_FILE
from lab.errors import LabFault
from lab.runner import cell_file
from lab.runner.testbed import TLS_FOLDER

CAPTURE = ".pcapng"
COMPRESSION = 6
"""zlib's own choice between time and size."""
NOT_SENT = frozenset({TWIN_FILE})
"""Files of a cell's folder that say nothing to whoever runs it."""


class Work(msgspec.Struct, frozen=True):
    """A cell for a worker.

    Attributes:
        run: names the run among all that use the scheduler.
        cell: its folder, where it came from.
        name: of its folder: programs are told it.
        job: what is done in the folder, see ``lab.runner.cell_worker``.
        memory_mb: of the guest.
        captures: whether they are wanted.
        files: of the folder, by name.
        tls: the run's certificates and keys.
    """

    run: str
    cell: str
    name: str
    job: str
    memory_mb: int
    captures: bool
    files: dict[str, bytes]
    tls: dict[str, bytes]


class Result(msgspec.Struct, frozen=True):
    """The files and the error that a cell has left.

    Attributes:
        worker: the name of the one that ran it.
        error: what kept it from running to its end, as in ``run.json``; None: nothing.
        files: those that it left, by their path in the folder.
    """

    worker: str
    error: dict[str, Any] | None
    files: dict[str, bytes]


def pack(what: Work | Result) -> bytes:
    """Return it as bytes."""
    return zlib.compress(msgspec.msgpack.encode(what), COMPRESSION)


def unpack_work(data: bytes) -> Work:
    """Return the cell in these bytes."""
    return msgspec.msgpack.decode(zlib.decompress(data), type=Work)


def unpack_result(data: bytes) -> Result:
    """Return what came of a cell.

    Raises:
        LabFault: the bytes are no result.
    """
    try:
        return msgspec.msgpack.decode(zlib.decompress(data), type=Result)
    except (zlib.error, msgspec.MsgspecError) as problem:
        raise LabFault("read what a worker has sent", detail=str(problem)) from problem


def work(folder: Path, *, run: str, job: str, memory_mb: int, captures: bool) -> Work:
    """Return the cell in a folder, with the certificates of its run."""
    files = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file() and file.name not in NOT_SENT}
    tls = {file.name: file.read_bytes() for file in (folder.parent.parent / TLS_FOLDER).iterdir()}
    return Work(
        run=run,
        cell=str(folder),
        name=folder.name,
        job=job,
        memory_mb=memory_mb,
        captures=captures,
        files=files,
        tls=tls,
    )


def lay_out(what: Work, place: Path) -> Path:
    """Write a cell into an empty place as it stands in a run folder; return the cell's folder."""
    folder = place / "cells" / what.name
    folder.mkdir(parents=True)
    (place / TLS_FOLDER).mkdir()
    for name, data in what.tls.items():
        file = place / TLS_FOLDER / name
        file.touch(mode=0o600)
        file.write_bytes(data)
    for name, data in what.files.items():
        (folder / name).write_bytes(data)
    return folder


def left_in(folder: Path, what: Work) -> dict[str, bytes]:
    """Return the files that a cell has left in its folder; captures only if they are wanted."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        wanted = what.captures or file.suffix != CAPTURE
        if wanted and name not in what.files and file.is_file() and not file.is_symlink():
            found[name] = file.read_bytes()
    return found


def put_into(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what a cell has left into its own folder.

    Raises:
        LabFault: a path leads elsewhere, or to the cell itself.
    """
    for name, data in files.items():
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or name == cell_file.FILE_NAME:
            raise LabFault("take what a worker has sent", detail=f"a file with the name {name!r}")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
