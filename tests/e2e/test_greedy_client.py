"""A client that takes more than a cell can give is named in its cell's verdict, and the other cells go on."""

from __future__ import annotations

from pathlib import Path

import pytest

import lab
from lab.model.verdict import Verdict
from lab.worlds import base, guest_processes

ROOT = Path(__file__).parents[2]
HEAD = '#!/usr/bin/python3\nimport os, sys, time\nprint(\'{"ev": "ready"}\', flush=True)\n'
SCENARIO = (
    "title: t\ntopology: net.yaml\nmiddlebox: never-forgets\nprobes: [{ at: 1 s }]\nends: 6 s\nmatrix:\n  client:\n"
)
CLIENTS = {
    "spins": ("while True: pass", "computed for 1 s without a pause"),
    "calls": ("while True: os.getppid()", "computed for 1 s without a pause"),
    # it computes then: were the guest idle, its clock might be at the cell's end before the next look
    "forks": ("for _ in range(60): os.fork() or (time.sleep(1000), os._exit(0))\nwhile True: pass", "more than 40"),
    "shouts": ("while True: sys.stderr.write('x' * 100_000)", "wrote more than 64 MiB on standard error"),
    "talks": ('while True: print(\'{"ev": "x"}\')', "wrote more than 10,000 lines before its account was set up"),
    "nests": (
        "print('{\"ev\": ' + '[' * 9000 + ']' * 9000 + '}', flush=True); sys.stdin.read()",
        "nested more than 20",
    ),
    "swears": ("sys.stderr.write('\\x1b[31m\\u202ebad\\n'); os._exit(3)", r"exit status 3: \x1b[31m\u202ebad"),
}


@pytest.mark.virtual
def test_each_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run with all of them: none is the lab's fault."""
    monkeypatch.setattr(guest_processes, "SPINS_S", 1.0)
    monkeypatch.setattr(guest_processes, "MOST_PROCESSES", 40)
    monkeypatch.setattr(base, "LOOK_EVERY_S", 1.0)
    (tmp_path / "net.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    for name, (program, _) in CLIENTS.items():
        (tmp_path / name).write_text(HEAD + program + "\n")
        (tmp_path / name).chmod(0o755)
    clients = "".join(f"    - {{ name: {name}, command: [./{name}] }}\n" for name in CLIENTS)
    (tmp_path / "greedy.yaml").write_text(SCENARIO + clients)
    run = lab.run(
        tmp_path / "greedy.yaml", out=tmp_path / "runs", clock="virtual", moments=0, costs=False, causes=False
    )
    assert {each.name: each.verdict for each in run} == dict.fromkeys(CLIENTS, Verdict.INCONCLUSIVE)
    for name, (_, doubt) in CLIENTS.items():
        assert doubt in run[name].outcome.doubt, run[name].outcome.doubt
