"""SIP.js in two idle hours of virtual time, and how often its process wakes up: printed, not asserted.

A client that polls is dear in virtual time, as each wake-up stops the clock.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from lab.certificate_authority import make
from lab.clients import sipjs
from lab.clients.sipjs import packages
from lab.engine.execute import execute
from lab.engine.run_request import RunRequest
from lab.loader.load import load_text
from lab.model.twin import NO_TWINS
from lab.worlds.clock import Clock
from tests.bench.test_bench_virtual import Say, say
from tests.contract.sip_phone import HOST, Server
from tests.e2e.lab_command import ROOT

pytestmark = [
    pytest.mark.bench,
    pytest.mark.timeout(600),
    pytest.mark.skipif(bool(packages.lack()), reason=packages.lack()),
]

HOURS = """\
title: Two idle hours of SIP.js
topology: home-nat
middlebox: never-forgets
client: { name: sipjs, account: register }
server: { registration-expires: 86400 s }
transport: wss
matrix:
  strategy: [none, { name: crlf-25s, mitigations: [ crlf-keepalive: { interval: 25 s } ] }, server-ws-ping-25s]
probes: [{ at: 7200 s }]
ends: 7220 s
"""
WATCHED_S = 10.0


def test_two_idle_hours(tmp_path: Path, say: Say) -> None:
    """Registered for 600 s, so it registers again each 594 s."""
    (tmp_path / "topologies").mkdir()
    (tmp_path / "topologies" / "home-nat.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    say("\n| SIP.js, 7220 s | wall clock | × real time |\n|---|---:|---:|")
    for strategy in ("none", "crlf-25s", "server-ws-ping-25s"):
        scenario = load_text(HOURS, tmp_path / "hours.yaml")
        cells = tuple(cell for cell in scenario.cells if cell.name == strategy)
        one = type(scenario)(**{**{name: getattr(scenario, name) for name in scenario.__slots__}, "cells": cells})
        start = time.monotonic()
        request = RunRequest(scenario=one, out=tmp_path / strategy, clock=Clock.VIRTUAL, twins=NO_TWINS)
        (ran,) = execute([request])
        took = time.monotonic() - start
        assert [cell.outcome.verdict.value for cell in ran.cells] == ["pass"]
        say(f"| {strategy} | {took:.1f} s | {7220 / took:,.0f} |")


def _switches(pid: int) -> int:
    """Voluntary switches of all threads of a process."""
    text = "\n".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status"))
    return sum(int(count) for count in re.findall(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.MULTILINE))


def test_switches(tmp_path: Path, say: Say) -> None:
    """Idle and registered, in real time, on loopback: how often a second its threads go to sleep."""
    made = make(tmp_path, HOST)
    server = Server(made, ports={"ws": 0})
    port = server.ports()["ws"]
    command = [packages.node(), str(Path(sipjs.__file__).with_name("client.mjs")), str(packages.folder())]
    start = {
        "do": "start", "server": HOST, "port": port, "transport": "ws", "ca": None, "account": "register",
        "user": "alice", "peer": "bob", "domain": HOST, "password": None, "seed": 1, "mitigations": [],
    }  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdin is not None
        client.stdin.write(json.dumps(start).encode() + b"\n")
        client.stdin.flush()
        server.event("binding")
        time.sleep(1)  # what follows a start: garbage is collected, threads end
        before = _switches(client.pid)
        time.sleep(WATCHED_S)
        after = _switches(client.pid)
        client.stdin.close()
    server.end()
    say(f"\nSIP.js, idle: {(after - before) / WATCHED_S:.1f} switches a second")


__all__ = ["say"]
