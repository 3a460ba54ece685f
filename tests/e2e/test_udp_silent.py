"""The strategy ``udp-silent`` and the client as shipped, over UDP: who sends what while nobody speaks to it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

IDLE = Cells(
    """\
title: A registered phone over UDP that nobody speaks to
topology: home-nat
middlebox: never-forgets
transport: udp
client: { account: register, registration: { expires: 3600 s } }
server: { registration-expires: 3600 s }
matrix:
  strategy: [none, udp-silent]
probes:
  - { at: 200 s, kind: options }
ends: 210 s
""",
    name="udp-silence",
)


@pytest.mark.cells(IDLE)
def test_silent_is_silent(virtually: Virtually) -> None:
    """From its registration to the probe it sends not one packet; the client as shipped sends CRLF all the time."""
    seen = virtually(IDLE)
    sent = {
        name: [
            line["t"]
            for line in seen.lines(name, "client", "packet")
            if (line["proto"], line["from"]) == ("udp", "client") and 1 < line["t"] < 199
        ]
        for name in seen.cells
    }
    assert sent["udp-silent"] == []
    pauses = [after - before for before, after in pairwise(sent["none"])]
    assert 13 <= len(sent["none"]) <= 17
    assert all(11.9 < pause < 14.2 for pause in pauses)
