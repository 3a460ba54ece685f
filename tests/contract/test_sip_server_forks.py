"""Requests to several contacts of one address, on loopback: whom the scripted server asks, and whose answer counts."""

from __future__ import annotations

import time

import pytest

from lab.sip.message import Request
from tests.contract.sip_phone import TRANSPORTS, Call, Phone, Server, Start, accepted, asked, branches, registered

ROUNDED_S = 0.001
"""Ages are told in milliseconds."""


def invited_all(phones: list[Phone], **timing: float) -> list[Request]:
    phones[0].server.command("invite", probe="p1", **{"within": 5.0, "hold": 60.0} | timing)
    return [asked(phone, "INVITE") for phone in phones]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_forks(start: Start, call: Call, transport: str) -> None:
    """All contacts ring with one Call-ID; the first that accepts has the call, and the other gets CANCEL."""
    old, new = registered(start, call, transport=transport)
    server: Server = new.server
    first, second = invited_all([old, new])
    assert first.first("Call-ID") == second.first("Call-ID")
    assert first.first("From") == second.first("From")
    assert first.first("Via") != second.first("Via")
    assert (first.uri, second.uri) == (old.uri, new.uri)
    old.answer(first, 180)
    server.event("probe-branch", state="ringing", branch=2)
    accepted(new, second)
    cancel = asked(old, "CANCEL")
    same = ("Via", "From", "To", "Call-ID")
    assert [cancel.first(name) for name in same] == [first.first(name) for name in same]
    assert (cancel.uri, cancel.first("CSeq")) == (first.uri, "1 CANCEL")
    old.answer(cancel)
    old.answer(first, 487)
    assert asked(old, "ACK").first("Via") == first.first("Via")
    server.event("probe-branch", branch=2, state="answered")
    assert branches(server) == [
        (1, "sent", None, ""), (2, "sent", None, ""), (2, "ringing", 180, ""), (1, "answered", 200, ""),
        (2, "cancelled", None, ""), (2, "answered", 487, ""),
    ]  # fmt: skip
    assert [one["state"] for one in server.seen("probe")] == ["sent", "ringing", "talking"]


def test_nobody_is_cancelled_before_a_provisional_answer(start: Start, call: Call) -> None:
    """CANCEL follows the 180 that comes later (RFC 3261 §9.1)."""
    old, new = registered(start, call)
    first, second = invited_all([old, new])
    accepted(new, second)
    old.answer(first, 180)
    asked(old, "CANCEL")


def test_who_accepts_second_is_hung_up_on(start: Start, call: Call) -> None:
    """ACK and BYE at once, and the call of the first goes on."""
    old, new = registered(start, call)
    first, second = invited_all([old, new])
    accepted(new, second)
    accepted(old, first)
    bye = asked(old, "BYE")
    server: Server = new.server
    server.event("probe", state="talking")
    old.answer(bye)
    old.ask("OPTIONS")  # the server has read the answer before
    server.event("request", method="OPTIONS")
    assert [one["state"] for one in server.seen("probe")] == ["sent", "talking"]


@pytest.mark.parametrize(
    ("codes", "decides"), [((486, 480), 480), ((404, 503), 404), ((603, 200), 603), ((503, 302), 302)]
)
def test_the_best_refusal_decides(start: Start, call: Call, codes: tuple[int, int], decides: int) -> None:
    """6xx first, else the lowest class, of equals the newest contact's (RFC 3261 §16.7)."""
    old, new = registered(start, call)
    server: Server = new.server
    first, second = invited_all([old, new])
    old.answer(first, codes[0])
    asked(old, "ACK")
    if codes[0] >= 600:
        new.answer(second, 180)
        new.answer(asked(new, "CANCEL"))
        new.answer(second, 487)
    else:
        new.answer(second, codes[1])
    failed = server.event("probe", state="failed")
    assert (failed["code"], failed["flow"]) == (decides, "f1" if decides == codes[0] else "f2")


def test_a_contact_that_does_not_answer_costs_time_only(start: Start, call: Call) -> None:
    """OPTIONS goes to all; one 2xx is enough, and without any the silence of the newest decides."""
    old, new = registered(start, call)
    server: Server = new.server
    server.command("options", probe="p1", within=0.3)
    old.answer(asked(old, "OPTIONS"))
    asked(new, "OPTIONS")
    answered = server.event("probe", state="answered")
    assert (answered["code"], answered["flow"]) == (200, "f1")
    failed = server.event("probe-branch", state="failed")
    assert (failed["branch"], failed["reason"], failed["flow"]) == (1, "timeout", "f2")
    server.command("options", probe="p2", within=0.3)
    failed = server.event("probe", probe="p2", state="failed")
    assert (failed["reason"], failed["flow"]) == ("timeout", "f2")


def test_branches_say_how_old_a_contact_is(start: Start, call: Call) -> None:
    """And which binding it is."""
    began = time.monotonic()
    old, new = registered(start, call)
    server: Server = new.server
    bound = {event["id"]: event for event in (server.event("binding"), server.event("binding"))}
    asked_at = time.monotonic()
    server.command("options", probe="p1", within=5.0)
    one, two = server.event("probe-branch"), server.event("probe-branch")
    assert [(one["binding"], one["contact"]), (two["binding"], two["contact"])] == [("b2", new.uri), ("b1", old.uri)]
    for event in (one, two):  # each was bound after the beginning and before the server said so
        youngest, oldest = asked_at - bound[event["binding"]]["at"], event["at"] - began
        assert youngest - ROUNDED_S <= event["age"] <= oldest + ROUNDED_S
