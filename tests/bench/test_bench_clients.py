"""What each client costs while nothing happens: printed, not asserted; docs/performance.md keeps a set of results."""

from __future__ import annotations

import json
import re
import select
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lab
from lab.clients import catalog
from lab.engine.execute import execute
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.interpreter import module_command
from lab.model.twin import NO_TWINS
from lab.worlds.base import Message
from lab.worlds.clock import Clock

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]

CLIENTS = ("pjsip", "baresip", "linphone")
WATCHED_S = 30.0
IDLE_S = 7200


def test_switches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How often a registered client wakes up in half a minute of real time, over UDP."""
    lines = ["", "| client | wake-ups per second |", "|---|---:|"]
    for name in CLIENTS:
        rate = _wake_ups(name, tmp_path) / WATCHED_S
        lines.append(f"| {name} | {rate:.2f} |")
    with capsys.disabled():
        print("\n".join(lines))


def test_two_idle_hours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """How long two idle hours of virtual time take, over UDP."""
    lines = ["", f"| client | wall clock of {IDLE_S} idle seconds |", "|---|---:|"]
    lines += [f"| {name} | {_idle(name, tmp_path / name):.2f} s |" for name in CLIENTS]
    with capsys.disabled():
        print("\n".join(lines))


def _idle(name: str, out: Path) -> float:
    moments: dict[str, float] = {}

    def watch(_: RunFolder) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            if message["ev"] == "phase":
                moments[message["phase"]] = time.monotonic()
            if message["ev"] == "probe":
                moments["probe"] = time.monotonic()

        return take

    scenario = lab.build(
        {
            "title": "Two idle hours",
            "topology": "home-nat",
            "middlebox": "never-forgets",
            "transport": "udp",
            "client": {"name": name, "account": "register"},
            "probes": [{"at": f"{IDLE_S} s", "kind": "options"}],
            "ends": f"{IDLE_S + 6} s",
        }
    )
    execute([RunRequest(scenario=scenario, out=out, clock=Clock.VIRTUAL, watch=watch, twins=NO_TWINS)])
    return moments["probe"] - moments["silent"]


def _wake_ups(name: str, folder: Path) -> int:
    """Register a client at a registrar that only says 200, and count its voluntary context switches from then on."""
    registrar = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    registrar.bind(("127.0.0.1", 0))
    port = registrar.getsockname()[1]
    start = {
        "do": "start",
        "server": "127.0.0.1",
        "port": port,
        "transport": "udp",
        "account": "register",
        "ca": None,
        "seed": 1,
        "user": "alice",
        "password": None,
        "peer": "bob",
        "domain": f"127.0.0.1:{port}",
        "log": str(folder / f"{name}.log"),
        "mitigations": [],
    }
    actor = getattr(catalog.find(name), "actor", "lab.clients.pjsip.client")
    command = module_command("lab.actors.stdio", f"{actor}:main")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        assert client.stdin is not None
        client.stdin.write(json.dumps(start).encode() + b"\n")
        client.stdin.flush()
        _serve(registrar, 5.0)
        before = sum(_switches(client.pid))
        _serve(registrar, WATCHED_S)
        after = sum(_switches(client.pid))
        client.stdin.close()
    registrar.close()
    return after - before


def _serve(registrar: socket.socket, for_s: float) -> None:
    until = time.monotonic() + for_s
    while (left := until - time.monotonic()) > 0:
        if not select.select([registrar], [], [], left)[0]:
            return
        data, peer = registrar.recvfrom(65536)
        if data.startswith(b"REGISTER"):
            kept = re.findall(rb"(?im)^(?:Via|From|To|Call-ID|CSeq|Contact):[^\r]*\r\n", data)
            registrar.sendto(
                b"SIP/2.0 200 OK\r\n" + b"".join(kept) + b"Expires: 300\r\nContent-Length: 0\r\n\r\n", peer
            )


def _switches(process: int) -> Iterator[int]:
    """Yield the voluntary switches of each thread of a process, and of the processes that it has started."""
    for thread in Path(f"/proc/{process}/task").iterdir():
        text = (thread / "status").read_text()
        yield int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        for child in (thread / "children").read_text().split():
            yield from _switches(int(child))
