"""The example client by its name, beside pjsip: the same NAT, another program."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

TWO = Cells(
    """\
title: Two clients behind a NAT that forgets after a minute
topology: home-nat
middlebox: silent-60s
matrix:
  client: [pjsip, plain]
  strategy: [none, server-options-25s, options-ping-25s]
probes: [{ at: 30 s }, { at: 100 s }]
ends: 106 s
claims:
  - { client: pjsip, strategy: none, verdict: fail, cause: client-idle-timer, at: 63 s }
  - { client: plain, strategy: none, verdict: fail, cause: middlebox-forgot-flow, at: 90 s }
  - { strategy: server-options-25s, verdict: pass }
  - { client: pjsip, strategy: options-ping-25s, verdict: pass }
  - { client: plain, strategy: options-ping-25s, verdict: unsupported }
""",
    name="two-clients",
)

pytestmark = [pytest.mark.e2e, pytest.mark.cells(TWO)]


def test_each_fails_in_its_own_way(virtually: Virtually) -> None:
    """pjsip gives its connection up, the example keeps it beyond the NAT's patience; neither knows the other."""
    seen = virtually(TWO)
    assert seen.status == 0, seen.said
    assert seen.cells["plain,options-ping-25s"]["doubt"] == "the scenario's client does not offer options-ping"
