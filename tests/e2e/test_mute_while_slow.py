"""A server that is slow and then mute: what it has held is not answered, in virtual time."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

SCENARIO = """\
title: A slow server falls mute
topology: home-nat
middlebox: never-forgets
transport: udp
matrix: { strategy: [none, options-ping-25s] }
faults:
  - server-slow: { at: 20 s, by: 20 s, lasts: 10 s }
  - server-mute: { at: 35 s, lasts: 30 s }
probes: [{ at: 100 s }]
ends: 106 s
claims: [{ verdict: pass }]
"""

SLOW_THEN_MUTE = Cells(SCENARIO, name="slow-then-mute")


@pytest.mark.e2e
@pytest.mark.cells(SLOW_THEN_MUTE)
def test_what_is_held_is_not_answered_by_a_mute_server(virtually: Virtually) -> None:
    """The OPTIONS of 25 s would have been answered at 45 s; nothing is, until the server answers again at 65 s."""
    seen = virtually(SLOW_THEN_MUTE)
    assert seen.status == 0, seen.said
    held = [line["t"] for line in seen.lines("options-ping-25s", "server", "held")]
    assert 25 <= held[0] <= 26
    answered = [line["t"] for line in seen.lines("options-ping-25s", "server", "response-sent")]
    assert [t for t in answered if 35.5 < t < 65] == []
    assert [t for t in answered if t > 65]
