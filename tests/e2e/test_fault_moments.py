"""Faults whose moments do not come, or meet another fault's work, in virtual time."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e]

MUTE = Cells(
    """\
title: A server that is slow, then mute
topology: home-nat
middlebox: never-forgets
transport: udp
strategy: options-ping-25s
faults:
  - server-slow: { at: 20 s, by: 20 s, lasts: 10 s }   # holds the ping of 25 s until 45 s
  - server-mute: { at: 35 s, lasts: 30 s }
probes: [{ at: 80 s }]
ends: 90 s
claims: [{ verdict: pass }]
""",
    name="slow-before-mute",
)


@pytest.mark.cells(MUTE)
def test_a_mute_server_answers_nothing(virtually: Virtually) -> None:
    """Not even what it had read before; it speaks again when that is over."""
    seen = virtually(MUTE)
    assert seen.status == 0, seen.said
    (name,) = seen.cells
    held, *_ = seen.lines(name, "server", "held")
    ignored = [line["t"] for line in seen.lines(name, "server", "ignored")]
    answered = [line["t"] for line in seen.lines(name, "server", "response-sent") if line["method"] == "OPTIONS"]
    assert any(t == pytest.approx(held["t"] + 20, abs=0.1) for t in ignored)
    assert not any(35 <= t < 65 for t in answered)
    assert any(t > 65 for t in answered)


NEVER = Cells(
    """\
title: A moment that does not come
topology: home-nat
middlebox: never-forgets
strategy: hold-transport
faults: [server-mute: { at: 5 s after reconnected }]
probes: [{ at: 30 s }]
ends: 40 s
claims: [{ verdict: inconclusive }]
""",
    name="no-reconnection",
)
FORBIDDEN = Cells(
    """\
title: A moment within another fault
topology: home-nat
middlebox: never-forgets
transport: udp
faults:
  - server-freeze: { at: 1 s after ringing, lasts: 5 s }
  - server-mute: { at: 3 s after ringing }
probes: [{ at: 10 s, kind: invite, ring: 10 s, hold: 1 s }]
ends: 40 s
claims: [{ verdict: inconclusive }]
""",
    name="mute-while-frozen",
)


@pytest.mark.cells(NEVER, FORBIDDEN)
def test_a_fault_that_does_not_begin_says_why(virtually: Virtually) -> None:
    """The record has it, and the doubt; a frozen server is not asked in vain, which would be an error of the lab."""
    for cells, number, why in (
        (NEVER, 0, "nothing reconnected in time"),
        (FORBIDDEN, 1, "when its moment came, ServerFreeze was at work"),
    ):
        seen = virtually(cells)
        assert seen.status == 0, seen.said
        (name,) = seen.cells
        (moot,) = seen.lines(name, "runner", "fault-moot")
        assert (moot["n"], moot["fault"], moot["why"]) == (number, "ServerMute", why)
        assert seen.cells[name]["doubt"] == f"fault {number + 1} (ServerMute) never happened: {why}"
