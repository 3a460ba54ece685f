"""Paths on which the lab's own traffic has a hard time: long and lossy ones, and two middleboxes of one timer."""

from __future__ import annotations

import pytest

from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

LONG = Cells(
    """\
title: Three seconds each way
topology: home-nat
middlebox: silent-60s
matrix: { transport: [udp, tcp, tls] }
strategy: options-ping-25s
impairments:
  - { from: home-nat, to: internet, one-way-delay: 3 s }
  - { from: internet, to: home-nat, one-way-delay: 3 s }
probes: [ { at: 70 s, within: 10 s } ]
ends: 90 s
claims: [ { verdict: pass } ]
""",
    name="long-path",
)
FIN = Cells(
    """\
title: A middlebox that ends what it forgets with FIN, which the client's kernel acknowledges
topology: home-nat
transport: tcp
middlebox: fin-to-inside-60s
strategy: options-ping-25s
probes: [ { at: 70 s } ]
ends: 80 s
""",
    name="fin-at-expiry",
)
LOSSY = Cells(
    """\
title: Three packets in ten are lost each way
topology: home-nat
transport: tcp
middlebox: silent-60s
matrix: { strategy: [none, hold-transport, crlf-10s-hold, options-ping-25s] }
impairments:
  - { from: home-nat, to: internet, loss: 30 % }
  - { from: internet, to: home-nat, loss: 30 % }
probes: [ { at: 30 s, within: 30 s } ]
ends: 80 s
""",
    name="lossy-path",
)
EQUAL = Cells(
    """\
title: Two NATs that forget in the same second
topology: cgn
transport: tcp
middlebox:
  home-nat: { name: home, base: silent-60s }
  cgn: { name: carrier, base: silent-60s, forgotten: FORGOTTEN }
strategy: hold-transport
probes: [ { at: 70 s } ]
ends: 80 s
claims: [ { verdict: fail, cause: middlebox-forgot-flow, at: 60 s } ]
""",
    name="equal",
)
WORDS = ("rst-to-both-at-expiry", "fin-to-inside-at-expiry", "rst-to-sender", "repickup-from-inside")
AT_ONCE = {word: Cells(str(EQUAL.scenario).replace("FORGOTTEN", word), name=f"equal-{word}") for word in WORDS}
TWO = Cells(
    """\
title: What the sentinel met was the home's
topology: cgn
transport: tcp
middlebox:
  home-nat: { name: home, base: silent-60s, forgotten: repickup-from-inside }
  cgn: { name: carrier, base: silent-60s, established-idle-timeout: 80 s, forgotten: rst-to-inside }
strategy: hold-transport
probes: [ { at: 110 s } ]
ends: 120 s
claims: [ { verdict: fail, cause: middlebox-forgot-flow, at: 80 s } ]
""",
    name="words-of-two",
)


@pytest.mark.cells(LONG)
def test_a_long_path(virtually: Virtually) -> None:
    """The client is set up, the sentinel's flows are opened and challenged, and the probe comes through."""
    seen = virtually(LONG)
    assert seen.status == 0, seen.said


@pytest.mark.cells(LOSSY)
def test_a_lossy_path(virtually: Virtually) -> None:
    """Whatever becomes of the client, the sentinel outlasts the losses and shows what the middlebox does."""
    for name, cell in virtually(LOSSY).cells.items():
        assert cell["error"] is None, (name, cell)
        assert "sentinel" not in cell["doubt"], (name, cell)


@pytest.mark.cells(*AT_ONCE.values())
@pytest.mark.parametrize("word", AT_ONCE)
def test_two_middleboxes_that_forget_at_once(virtually: Virtually, word: str) -> None:
    """Both do as they say, whichever is a moment earlier."""
    seen = virtually(AT_ONCE[word])
    assert seen.status == 0, seen.said


@pytest.mark.cells(TWO)
def test_what_each_of_two_middleboxes_did(virtually: Virtually) -> None:
    """The carrier's is not said to do what the sentinel met at home."""
    seen = virtually(TWO)
    assert seen.status == 0, seen.said
    ((_, cell),) = seen.cells.items()
    assert cell["cause"]["text"].startswith("middlebox cgn forgot the flow at 80.")
    assert cell["cause"]["text"].endswith(" s and answers the inside with RST")


@pytest.mark.cells(FIN)
def test_the_answer_to_a_fin_is_no_traffic(virtually: Virtually) -> None:
    """The sentinel's flow was quiet for 60 s; that its kernel acknowledged the FIN does not make it younger."""
    assert virtually(FIN).cells["options-ping-25s"]["verdict"] == "pass"
