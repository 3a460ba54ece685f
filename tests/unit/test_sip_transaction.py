"""Transactions (RFC 3261 §17): when a request is sent again, and which message belongs to which."""

from __future__ import annotations

import pytest

from lab.sip.message import MalformedMessage, Response
from lab.sip.transaction import client_key, retransmissions, server_key
from tests.unit.sip_requests import request, without


def test_retransmissions_are_those_of_timer_e() -> None:
    """T1 = 500 ms, doubled up to T2 = 4 s, until Timer F at 32 s: eleven transmissions in all."""
    assert retransmissions("NOTIFY") == (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)


def test_retransmissions_of_invite_are_those_of_timer_a() -> None:
    """T1 doubled without bound, until Timer B at 32 s: seven transmissions in all (§17.1.1.2)."""
    assert retransmissions("INVITE") == (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)


def test_what_makes_a_retransmission() -> None:
    """Same branch, sent-by and method (§17.2.3); without the magic cookie, the fields of RFC 2543."""
    message = request("OPTIONS")
    assert server_key(message) == server_key(request("OPTIONS", cseq=2))
    assert server_key(message) != server_key(request("REGISTER"))
    assert server_key(message) != server_key(request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.3:5060;branch=z9hG4bK1"))
    old = "SIP/2.0/UDP 10.0.0.2:5060"
    assert server_key(request("OPTIONS", Via=old)) == server_key(request("OPTIONS", Via=old))
    assert server_key(request("OPTIONS", Via=old)) != server_key(request("OPTIONS", Via=old, cseq=2))
    with pytest.raises(MalformedMessage):
        server_key(without(message, "Via"))


def test_which_request_a_response_answers() -> None:
    """Top branch and the method in CSeq (§17.1.3)."""
    response = Response(code=200, reason="OK", headers=request("NOTIFY").headers)
    assert client_key(response) == ("z9hG4bK1", "NOTIFY")
