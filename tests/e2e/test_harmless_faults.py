"""Faults that do no harm, before a failure that has another cause: the judge names that, in virtual time."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

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

HARMLESS = Cells(SCENARIO, name="harmless")

pytestmark = [pytest.mark.e2e, pytest.mark.cells(HARMLESS)]


def test_a_fault_that_did_no_harm_is_not_the_cause(virtually: Virtually) -> None:
    """Nor one whose only loss TCP made good; each cell is told by what really broke its flow."""
    seen = virtually(HARMLESS)
    assert seen.status == 0, seen.said
    assert len(seen.cells) == 32
    assert all(cell["claim"]["holds"] for cell in seen.cells.values())
    (over,) = (line for line in seen.record("tls,crlf-10s,link-down") if line["ev"] == "fault-over")
    assert over["dropped"] > 0  # the ping, and what came of it
