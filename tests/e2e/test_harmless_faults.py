"""Faults that do no harm, before a failure that has another cause: the judge names that, in virtual time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = """\
title: Faults that do no harm
topology: home-nat
middlebox: silent-60s
matrix:
  transport: [udp, tls]
  strategy: [none, crlf-10s]          # nothing is sent while the fault lasts; or a ping at 10 s, lost and sent again
  failure:
    - { name: link-down, faults: [link-down: { at: 9 s, link: access, lasts: 5 s }] }
    - { name: black-hole, faults: [black-hole: { at: 9 s, node: internet, lasts: 5 s }] }
    - { name: black-hole-in, faults: [black-hole: { at: 9 s, node: home-nat, direction: in, lasts: 5 s }] }
    - { name: mtu, faults: [mtu-black-hole: { at: 9 s, link: access, mtu: 1000 }] }
    - { name: freeze, faults: [server-freeze: { at: 9 s, lasts: 5 s }] }
    - { name: mute, faults: [server-mute: { at: 9 s }] }
    - { name: slow, faults: [server-slow: { at: 9 s, by: 1 s, lasts: 5 s }] }
    - { name: evicted, faults: [evict-flow: { at: 9 s, node: home-nat }] }
probes: [{ at: 130 s }]
ends: 136 s
claims:
  - { strategy: crlf-10s, transport: udp, verdict: unsupported }
  - { failure: evicted, verdict: fail, cause: middlebox-evicted-flow, at: 9 s }   # the one that does
  - { transport: tls, verdict: fail, cause: client-idle-timer, at: 33 s }
  - { transport: udp, verdict: fail, cause: middlebox-forgot-flow, at: 60 s, within: 1 s }
"""


def test_a_fault_that_did_no_harm_is_not_the_cause(tmp_path: Path) -> None:
    """Nor one whose only loss TCP made good; each cell is told by what really broke its flow."""
    if kernel.find() is None:
        kernel.build()
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    (tmp_path / "harmless.yaml").write_text(SCENARIO)
    done = run("run", tmp_path / "harmless.yaml", "--clock", "virtual", "--json", "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert len(cells) == 32
    assert all(cell["claim"]["holds"] for cell in cells.values())
    record = tmp_path / "latest" / cells["tls,crlf-10s,link-down"]["folder"] / "record.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    (over,) = (line for line in lines if line["ev"] == "fault-over")
    assert over["dropped"] > 0  # the ping, and what came of it
