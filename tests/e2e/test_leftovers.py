"""Nothing is left behind, however a run ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Collection
from pathlib import Path

import pytest

from tests.e2e.lab_command import ROOT, SHORT, processes_of, run, start, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.leaves]

Untouched = Callable[[], None]
"""Checks that the host's network and mounts are as they were."""


def _cell(out: Path, name: str) -> bool:
    return any(out.glob(f"*/cells/none/{name}"))


def _record_has(out: Path, text: str) -> bool:
    return any(text in path.read_text("utf-8") for path in out.glob("*/cells/none/record.jsonl"))


MOMENTS: dict[str, Callable[[Path, Path, int], object]] = {
    "at once": lambda out, home, pid: True,
    "ledger folder made": lambda out, home, pid: (home / "state" / "lab").exists(),
    "run folder made": lambda out, home, pid: any(out.glob("*/scenario.yaml")),
    "ledger written": lambda out, home, pid: any((home / "state" / "lab").glob("*.jsonl")),
    "world started": lambda out, home, pid: len(processes_of(pid)) >= 1,
    "world enclosed": lambda out, home, pid: len(processes_of(pid)) >= 2,
    "first cell started": lambda out, home, pid: _cell(out, "record.jsonl"),
    "network planned": lambda out, home, pid: _cell(out, "network.txt"),
    "actors started": lambda out, home, pid: _cell(out, "client.out"),
    "client up": lambda out, home, pid: _cell(out, "client.log"),
    "cells silent": lambda out, home, pid: any(
        path.stat().st_size > 2000 for path in out.glob("*/cells/none/client.log")
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_9(tmp_path: Path, untouched: Untouched, moment: str) -> None:
    """Whenever `lab` is killed, its world dies with it, and `lab clean` closes the books."""
    out = tmp_path / "runs"
    process = start("run", SHORT, "--clock", "real", "--out", out, home=tmp_path)
    wait_until(moment, lambda: MOMENTS[moment](out, tmp_path, process.pid))
    process.kill()
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    untouched()
    cleaned = run("clean", home=tmp_path)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not list((tmp_path / "state").rglob("*.jsonl"))
    again = run("clean", home=tmp_path)
    assert again.stdout == "nothing to clean\n"


ASLEEP = """\
title: A client that is suspended, killed and started again, on a device whose radio sleeps
topology: home-nat
middlebox: never-forgets
device:
  name: phone
  schedule:
    - client-suspend: { at: 1 s, lasts: 2 s }
    - client-kill: { at: 4 s, again: 1 s, start-up: 1 s }
    - device-sleep: { at: 7 s }
probes: { every: 1 s, from: 10 s, until: 59 s }    # so that the record is written on
ends: 66 s
"""


@pytest.mark.parametrize("seen", ['"state":"suspended"', '"state":"killed"', '"state":"started"', '"DeviceSleep"'])
def test_kill_9_while_the_client_sleeps(tmp_path: Path, untouched: Untouched, seen: str) -> None:
    """Neither a stopped process nor its successor outlives the run, nor what holds its packets back."""
    (tmp_path / "asleep.yaml").write_text(ASLEEP)
    out = tmp_path / "runs"
    process = start("run", tmp_path / "asleep.yaml", "--clock", "real", "--out", out, home=tmp_path)
    wait_until(seen, lambda: _record_has(out, seen))
    process.kill()
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    untouched()
    cleaned = run("clean", home=tmp_path)
    assert cleaned.returncode == 0, cleaned.stderr
    assert run("clean", home=tmp_path).stdout == "nothing to clean\n"


@pytest.mark.parametrize(
    "command",
    [
        ("actor", "check", "--", "python3", "docs/examples/client.py"),
        ("middlebox", "test", "linux-strict", "--clock", "real"),
        ("doctor",),
    ],
    ids=lambda command: command[0],
)
def test_kill_9_of_what_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untouched: Untouched, command: tuple[str, ...]
) -> None:
    """Its temporary folder goes at the next `lab clean`, even if a world is at work in it when it is killed."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    process = start(*command, home=tmp_path)
    wait_until("a world at work", lambda: any(temporary.iterdir()) and processes_of(process.pid))
    process.kill()
    process.communicate()
    assert any(temporary.iterdir())
    cleaned = run("clean", home=tmp_path)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not any(temporary.iterdir())
    assert not list((tmp_path / "state").rglob("*.jsonl"))
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    untouched()


def test_clean_ends_only_what_the_ledger_names(tmp_path: Path) -> None:
    """A process that outlived its dead owner is ended; one whose id was reused is not touched."""
    import subprocess

    left = subprocess.Popen(["sleep", "600"])
    bystander = subprocess.Popen(["sleep", "600"])
    try:
        state = tmp_path / "state" / "lab"
        state.mkdir(parents=True)
        started = int(Path(f"/proc/{left.pid}/stat").read_text().rpartition(")")[2].split()[19])
        entries = [
            {"what": "owner", "pid": 2**22 - 1, "started": 1},
            {"what": "process", "pid": left.pid, "started": started},
            {"what": "process", "pid": bystander.pid, "started": started - 100},
        ]
        (state / "killed-run-4194303.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        cleaned = run("clean", home=tmp_path)
        assert cleaned.returncode == 0
        assert f"ended process {left.pid}" in cleaned.stdout
        assert left.wait(timeout=10) == -signal.SIGKILL
        assert bystander.poll() is None
    finally:
        for process in (left, bystander):
            process.kill()
            process.wait()


PHONES = """\
title: Each client through a proxy
topology: home-nat-proxy
middlebox: never-forgets
strategy: none
matrix:
  client:
    - { name: pjsip, account: register }
    - { name: baresip, account: register }
    - { name: linphone, account: register }
    - { name: sipjs, account: register }
  transport: [tcp, ws]
  proxy: [haproxy-default, nginx-http-default]
probes: [{ at: 60 s }]
ends: 90 s
"""
PROGRAMS = {"baresip": 1, "node": 2, "nginx": 1, "haproxy": 4}
"""Those that a client or a proxy starts as processes of their own; the others are in the lab's own processes. Three
clients over TCP are behind HAProxy, SIP.js over WebSocket behind both."""


def _below(pids: Collection[int]) -> dict[int, str]:
    """The processes that these have started, and those that they have, with their names."""
    parents, names = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            head, _, tail = path.read_text().rpartition(")")
        except OSError:  # it has ended
            continue
        pid = int(path.parent.name)
        parents[pid], names[pid] = int(tail.split()[1]), head.partition("(")[2]
    found: dict[int, str] = {}
    while more := {
        pid: names[pid] for pid, parent in parents.items() if parent in {*pids, *found} and pid not in found
    }:
        found |= more
    return found


@pytest.mark.waits(20)
@pytest.mark.skipif(not all(map(shutil.which, ("baresip", "node", "haproxy"))), reason="needs all clients and proxies")
def test_kill_9_with_every_client_and_proxy(tmp_path: Path, untouched: Untouched) -> None:
    """Their programs, which are no part of the lab, die with the world."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    scenario, out = tmp_path / "phones.yaml", tmp_path / "runs"
    scenario.write_text(PHONES)
    process = start("run", scenario, "--clock", "real", "--jobs", "10", "--out", out, home=tmp_path)

    def running() -> dict[int, str]:
        return _below(processes_of(process.pid))

    def all_run() -> bool:
        counts = Counter(running().values())
        return all(counts[name] == count for name, count in PROGRAMS.items())

    wait_until("all clients and proxies running", all_run, within=60)
    ours = running()
    process.kill()
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    wait_until("their programs gone", lambda: not any(Path(f"/proc/{pid}").exists() for pid in ours))
    untouched()
    assert run("clean", home=tmp_path).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(tmp_path: Path, untouched: Untouched, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end a run in order: status 130, a report of what was seen, nothing left."""
    out = tmp_path / "runs"
    process = start("run", SHORT, "--clock", "real", "--out", out, home=tmp_path)
    wait_until("cells running", lambda: _cell(out, "client.log"))
    os.kill(process.pid, number)
    text, errors = process.communicate()
    assert process.returncode == 130, errors
    assert "interrupted" in text
    assert not processes_of(process.pid)
    assert not list((tmp_path / "state").rglob("*.jsonl"))
    untouched()
    (report,) = out.glob("2*/report.json")
    assert json.loads(report.read_text())["finished"] is False


def test_interrupted_in_real_time_for_want_of_a_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who did not ask for real time is told why he waits; who reads JSON gets a report that is not finished."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "runs"
    process = start("run", SHORT, "--json", "--out", out, home=tmp_path)
    wait_until("cells running", lambda: _cell(out, "client.log"))
    os.kill(process.pid, signal.SIGINT)
    text, errors = process.communicate()
    assert process.returncode == 130, errors
    assert json.loads(text)["finished"] is False
    assert "note: in real time: no kernel for virtual time; `lab kernel build` makes one\n" in errors


def test_next_run_cleans_up_by_itself(tmp_path: Path) -> None:
    """After a kill the next run needs no `lab clean`, and works."""
    out = tmp_path / "runs"
    process = start("run", SHORT, "--clock", "real", "--out", out, home=tmp_path)
    wait_until("cells running", lambda: _cell(out, "client.log"))
    process.kill()
    process.communicate()
    after = run("run", SHORT, "--clock", "real", "--out", out, home=tmp_path)
    assert after.returncode == 0, after.stdout + after.stderr
    assert "closed the ledger of the killed run" in after.stdout
    assert not list((tmp_path / "state").rglob("*.jsonl"))


def test_two_runs_at_once(tmp_path: Path) -> None:
    """Two runs at the same time have folders, ledgers and namespaces of their own, and both pass."""
    out = tmp_path / "runs"
    both = [start("run", SHORT, "--clock", "real", "--out", out, home=tmp_path) for _ in range(2)]
    texts = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], texts
    reports = [json.loads(path.read_text()) for path in out.glob("2*/report.json")]
    assert [[cell["verdict"] for cell in report["cells"]] for report in reports] == [["pass", "pass"]] * 2
