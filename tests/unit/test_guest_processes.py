"""Who keeps a guest from going on: told by the processor time of its processes on the host."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lab.worlds import guest_processes
from lab.worlds.guest_processes import MOST_PROCESSES, SPINS_S, Process, Watch, descendants

KERNEL, SERVER, CLIENT, CHILD = 10, 11, 12, 13
"""Process ids of a guest; the root is 1."""


def looks(monkeypatch: pytest.MonkeyPatch, *computed: dict[int, float], clients: set[int]) -> list[str]:
    """What a watch says at each look, where processes have computed so long."""
    given = iter(computed)

    def processes(_: int) -> list[Process]:
        return [Process(pid, KERNEL if pid != KERNEL else 1, time) for pid, time in next(given).items()]

    monkeypatch.setattr(guest_processes, "descendants", processes)
    monkeypatch.setattr(guest_processes, "is_clients", lambda pid: pid in clients)
    watch = Watch(1)
    return [watch.overrun() for _ in computed]


def test_a_client_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named once it has computed for long enough since the first look, with all that it started."""
    before = {KERNEL: 50.0, SERVER: 20.0, CLIENT: 30.0}
    soon = {KERNEL: 50.0, SERVER: 20.0, CLIENT: 30.0 + SPINS_S / 2}
    late = {KERNEL: 50.0, SERVER: 20.0, CLIENT: 30.0 + SPINS_S / 2, CHILD: SPINS_S / 2}
    none, still_none, named = looks(monkeypatch, before, soon, late, clients={CLIENT, CHILD})
    assert (none, still_none) == ("", "")
    assert "computed for 15 s" in named


def test_system_calls_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that does nothing but call the kernel makes that compute; its share of what programs compute decides."""
    before = {KERNEL: 0.0, SERVER: 0.0, CLIENT: 0.0}
    late = {KERNEL: SPINS_S, SERVER: 0.1, CLIENT: 2.0}
    assert looks(monkeypatch, before, late, clients={CLIENT})[-1]


@pytest.mark.parametrize(("server", "clients"), [(SPINS_S, {CLIENT}), (0.5 * SPINS_S, {CLIENT}), (0.0, set[int]())])
def test_others_that_compute(monkeypatch: pytest.MonkeyPatch, server: float, clients: set[int]) -> None:
    """A client is not blamed for what the server computes, nor for what it does for it, nor where it cannot be told."""
    before = {KERNEL: 0.0, SERVER: 0.0, CLIENT: 0.0}
    late = {KERNEL: 2 * SPINS_S, SERVER: server, CLIENT: SPINS_S}
    assert looks(monkeypatch, before, late, clients=clients)[-1] == ""


def test_crowd(monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = dict.fromkeys(range(KERNEL, KERNEL + MOST_PROCESSES + 1), 0.0)
    assert "processes" in looks(monkeypatch, crowd, clients={CLIENT})[0]
    assert looks(monkeypatch, crowd, clients=set())[0] == ""


def test_stacks() -> None:
    """Pieces of memory that touch are read as one: the environment may stand across their borders."""
    maps = (
        "405c0000-405d0000 rwxs 04f19000 00:45 3\n"
        "7fbf8a0000-7fbf8a7000 rwxs 04e40000 00:45 3\n7fbf8a7000-7fbf8a8000 rwxs 04781000 00:45 3\n"
        "7fbf8ad000-7fbf8ae000 rwxs 04cf1000 00:45 3\n7fbffff000-7fc0000000 r-xs 00824000 00:45 3\n"
        "7ffffffde000-7ffffffff000 rwxp 00000000 00:00 0 [stack]\n"
    )
    found = list(guest_processes._writable(maps))
    assert found == [(0x7FBF8A0000, 0x7FBF8A8000), (0x7FBF8AD000, 0x7FBF8AE000)]


def test_descendants() -> None:
    """Children's children are found, others' are not, and a process that has ended is nobody's."""
    program = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'print(1, flush=True); input()'])"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        inner = list(descendants(child.pid))
        assert len(inner) == 1
        assert inner[0].parent == child.pid
        assert child.pid in [each.pid for each in descendants(os.getpid())]
        child.communicate("\n")
    assert descendants(child.pid) == []
    assert not guest_processes.is_clients(child.pid)
