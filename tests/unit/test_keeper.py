"""What passes between an actor's channel and the daemon's stream of its container."""

from __future__ import annotations

import dataclasses
import socket
import struct
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from lab.backends import container_process
from lab.backends.base import ActorSpec, Backend, EndedAtOnce, OpenBackend
from lab.judge.client_check import conforms, findings
from lab.judge.verdict import judge
from lab.model.scenario import Cell, Client
from lab.model.topology import Node
from lab.model.verdict import Verdict
from lab.record.events import Aborted
from lab.record.evidence import Evidence
from lab.record.reader import read
from lab.record.writer import FILE_NAME, RecordWriter
from lab.runner.cell import open_stage
from tests.records import CLIENT, SERVER, cell

OUT, ERR = 1, 2


def framed(source: int, data: bytes) -> bytes:
    return struct.pack(">BxxxI", source, len(data)) + data


class Kept:
    """A keeper's passing on, in a thread; ``ours`` is the runner's end, ``daemon`` the daemon's."""

    def __init__(self) -> None:
        self.ours, channel = socket.socketpair()
        self.daemon, stream = socket.socketpair()
        self.thread = threading.Thread(target=container_process._pass_on, args=(channel, stream), daemon=True)
        self.ends = (channel, stream)
        self.thread.start()

    def close(self) -> None:
        """End it as a container's end does."""
        self.daemon.close()
        self.thread.join(10)
        self.ours.close()
        for end in self.ends:
            end.close()


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept()
    yield kept
    kept.close()


def test_the_end_of_the_channel_is_the_end_of_the_input(kept: Kept) -> None:
    """The container is not removed: whether its program ends by itself is for it to show."""
    kept.ours.sendall(b"start\n")
    assert kept.daemon.recv(100) == b"start\n"
    kept.ours.shutdown(socket.SHUT_WR)
    assert kept.daemon.recv(100) == b""
    kept.daemon.sendall(framed(OUT, b"farewell\n"))
    assert kept.ours.recv(100) == b"farewell\n"
    kept.daemon.close()
    kept.thread.join(10)
    assert not kept.thread.is_alive()
    assert kept.ours.recv(100) == b""


def test_what_is_written_to_standard_error_is_kept_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    monkeypatch.setattr(container_process, "_write_all", lambda _, data: written.append(data))
    monkeypatch.setattr(container_process, "MOST_OUTPUT", 10)
    kept = Kept()
    for data in (b"12345", b"67890x", b"y"):
        kept.daemon.sendall(framed(ERR, data))
    kept.close()
    assert b"".join(written) == b"1234567890"


def ends_at_once(node: str, log: Path) -> OpenBackend:
    """A backend whose container of a node has ended before its network stands."""

    def open_backend(nodes: Sequence[Node], parts: Mapping[str, ActorSpec], folder: Path) -> Backend:
        raise EndedAtOnce(node, 7, log)

    return open_backend


def own(**more: Any) -> Cell:
    return dataclasses.replace(cell(**more), client=Client(image="true", command=("/bin/true",)))


def test_client_that_ends_before_its_network_stands(tmp_path: Path) -> None:
    """That is what the record shows of it, with its exit status and last words; a scenario cannot use it."""
    log = tmp_path / "client.out"
    log.write_bytes(b"no such\x1b[31m option\n")
    record = RecordWriter(tmp_path / FILE_NAME)
    assert open_stage(own(), tmp_path, record, ends_at_once(CLIENT, log)) is None
    record.close()
    entries = read(tmp_path / FILE_NAME, own())
    ended = Aborted(how="exit status 7", last=r"no such\x1b[31m option")
    assert [entry.event for entry in entries if isinstance(entry.event, Aborted)] == [ended]
    evidence = Evidence(own(), entries)
    outcome = judge(evidence)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert r"its process ended by exit status 7: no such\x1b[31m option" in outcome.doubt
    found = {finding.what: finding for finding in findings(evidence, evidence)}
    assert found["runs"].detail == r"ended by exit status 7 before it said anything: no such\x1b[31m option"
    assert found["ends when its input does"].seen is None
    assert not conforms(list(found.values()))


@pytest.mark.parametrize(("node", "subject"), [(SERVER, own()), (CLIENT, cell())])
def test_container_of_the_labs_own_that_ends_at_once(node: str, subject: Cell, tmp_path: Path) -> None:
    """It is the lab's fault."""
    record = RecordWriter(tmp_path / FILE_NAME)
    with pytest.raises(EndedAtOnce, match=r"ended at once: exit status 7, see client\.out") as caught:
        open_stage(subject, tmp_path, record, ends_at_once(node, tmp_path / "client.out"))
    assert caught.value.exit_code == 4
    record.close()
