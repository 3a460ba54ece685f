"""Phones that register and do nothing else, in virtual time: whether they ring, and why not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.together import Cells, Seen, Virtually

ODD = Path(__file__).parent / "clients" / "odd.py"

PHONE = Cells(
    """\
title: The phone is registered, five minutes later it does not ring
topology: home-nat
middlebox: silent-60s
transport: tls
matrix:
  client: [{ account: register }, { name: plain, account: register }]
  strategy: [none, register-60s, server-options-25s, refresh-25s]
probes: [{ at: 280 s }]
ends: 300 s
claims:
  - { strategy: refresh-25s, verdict: unsupported }
  - { strategy: none, verdict: fail, cause: middlebox-forgot-flow, at: 60 s }
  - { client: plain, strategy: register-60s, verdict: unsupported }
  - { verdict: pass }
""",
    name="registered-phone",
)

LAPSED = """\
title: A registration that has lapsed
topology: home-nat
middlebox: never-forgets
transport: tcp
client: {{ account: {account} }}
matrix: {{ strategy: [none, register-60s] }}
faults: [link-down: {{ at: 50 s, link: {link}, lasts: 20 s }}]
probes: [{{ at: 75 s, kind: {kind} }}]
ends: 100 s
claims:
  - {{ strategy: none, verdict: pass }}
  - {{ verdict: fail }}
"""
CASES = {
    f"lapsed-{account}-{kind}-{server}": Cells(
        LAPSED.format(account=account, kind=kind, link="access"), name=f"lapsed-{account}-{kind}", server=server
    )
    for account in ("register", "register-and-subscribe")
    for kind in ("invite", "message")
    for server in ("scripted", "kamailio")
}

ODD_ONE = Cells(
    """\
title: A client that subscribes although it was told to register
topology: home-nat
transport: tcp
middlebox: never-forgets
client: { account: register, command: [python3, odd.py, subscribes] }
probes: [{ at: 10 s }]
ends: 40 s
""",
    name="more-than-the-account",
    beside=(ODD,),
)

MOMENTS = Cells(
    """\
title: Moments of a registration
topology: home-nat
middlebox: never-forgets
transport: tcp
client: { account: register }
matrix:
  strategy: [none, register-60s]
  failure:
    - { name: refreshed, faults: [server-close: { at: 5 s after refreshed }] }
    - { name: refresh-due, faults: [server-close: { at: 2 s before the refresh }] }
    - { name: registered, faults: [black-hole: { at: 5 s after registered, node: home-nat }] }
probes: [{ at: 70 s }]
ends: 90 s
""",
    name="moments-of-a-registration",
    only=("strategy=register-60s",),
)

pytestmark = pytest.mark.e2e


@pytest.mark.cells(PHONE)
def test_registered_phone(virtually: Virtually) -> None:
    """It fails and is kept reachable as claimed; it never subscribes, and it is called."""
    seen = virtually(PHONE)
    assert seen.status == 0, seen.said
    none = seen.cells["pjsip,none"]
    assert none["probes"][0]["kind"] == "invite"
    assert none["cause"]["chain"][-1]["text"].startswith("call p1 at 280.0 s was missed: INVITE was not answered")
    for name, cell in seen.cells.items():
        if cell["verdict"] in ("pass", "fail"):
            methods = {line["method"] for line in seen.lines(name, "server", "request")}
            assert methods == {"REGISTER"}
            (registered,) = seen.lines(name, "client", "registered")
            assert registered["t"] == 0
            assert not seen.lines(name, "client", "subscribed")
    reason = seen.cells["pjsip,refresh-25s"]["doubt"]
    assert reason == "refresh-subscription acts on a subscription, and this account does not subscribe"


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.cells(cells)) for name, cells in CASES.items()])
def test_nobody_is_called_whose_registration_has_lapsed(virtually: Virtually, name: str) -> None:
    """The binding ends at its time, and a call then fails; it does not go to the subscription instead."""
    seen = virtually(CASES[name])
    assert seen.status == 0, seen.said
    bindings = seen.lines("register-60s", "server", "binding")
    expired = [line["t"] for line in bindings if line["state"] == "expired" and line["t"] < 75]
    assert expired  # pjsip registers a second contact once it knows its address outside
    assert expired == pytest.approx([60.0] * len(expired), abs=1.1)
    (failed,) = seen.lines("register-60s", "server", "probe")
    assert (failed["state"], failed["reason"]) == ("failed", "no-binding")


@pytest.mark.cells(ODD_ONE)
def test_client_that_does_more_than_its_account_has(virtually: Virtually) -> None:
    """Whether it is set up is then unknown, and what reached it, too."""
    (cell,) = virtually(ODD_ONE).cells.values()
    assert (cell["verdict"], cell["doubt"]) == ("inconclusive", "the client subscribes, but the account is `register`")


def _fault_at(seen: Seen, name: str) -> float:
    (fault,) = seen.lines(name, "runner", "fault")
    return float(fault["t"])


@pytest.mark.cells(MOMENTS)
def test_moments(virtually: Virtually) -> None:
    """Of an account that only registers, `refreshed` and `the refresh` are the registration's; its flow is struck."""
    seen = virtually(MOMENTS)
    assert _fault_at(seen, "register-60s,refreshed") == pytest.approx(60.0, abs=0.5)
    assert _fault_at(seen, "register-60s,refresh-due") == pytest.approx(53.0, abs=0.5)
    assert _fault_at(seen, "register-60s,registered") == pytest.approx(5.0, abs=0.1)
    assert seen.cells["register-60s,registered"]["cause"]["kind"] == "flow-black-holed"
    for failure in ("refreshed", "refresh-due"):
        ended = [
            line for line in seen.lines(f"register-60s,{failure}", "server", "flow") if line["reason"] == "by server"
        ]
        assert len(ended) == 1
