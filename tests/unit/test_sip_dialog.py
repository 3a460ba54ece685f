"""Dialogs (RFC 3261 §12): requests within them, their target, their routes."""

from __future__ import annotations

import pytest

from lab.sip.dialog import Dialog
from lab.sip.message import MalformedMessage
from lab.sip.uas import RequestRefused
from tests.unit.sip_requests import request, without


def test_requests_within_a_dialog() -> None:
    """Tags swap sides, CSeq counts from 1, the target is the peer's Contact (§12.2.1.1)."""
    dialog = Dialog.accept(request("SUBSCRIBE", cseq=7), tag="t1")
    dialog, first = dialog.request("NOTIFY", via="SIP/2.0/UDP s;branch=z9hG4bKx")
    dialog, second = dialog.request("NOTIFY", via="SIP/2.0/UDP s;branch=z9hG4bKy")
    assert first.uri == "sip:alice@10.0.0.2:5060"
    assert (first.first("From"), first.first("To")) == ("<sip:bob@example.com>;tag=t1", "<sip:alice@example.com>;tag=a")
    assert [one.first("CSeq") for one in (first, second)] == ["1 NOTIFY", "2 NOTIFY"]
    assert dialog.id == ("c1", "t1", "a")


def test_target_refresh() -> None:
    """A later request moves the target (§12.2.2); one without Contact does not; an older or equal one is refused."""
    dialog = Dialog.accept(request("SUBSCRIBE", cseq=7), tag="t1")
    moved = dialog.receive(request("SUBSCRIBE", cseq=9, Contact="<sip:alice@10.0.0.9:1>"))
    assert (moved.remote_target, moved.remote_cseq) == ("sip:alice@10.0.0.9:1", 9)
    kept = moved.receive(without(request("SUBSCRIBE", cseq=10), "Contact"))
    assert kept.remote_target == "sip:alice@10.0.0.9:1"
    for old in (8, 9):
        with pytest.raises(RequestRefused) as caught:
            moved.receive(request("SUBSCRIBE", cseq=old))
        assert caught.value.code == 500


@pytest.mark.parametrize(
    ("record_route", "uri", "routes", "hop"),
    [
        ("<sip:p1;lr>, <sip:p2;lr>", "sip:alice@10.0.0.2:5060", ("<sip:p1;lr>", "<sip:p2;lr>"), "sip:p1;lr"),
        ("<sip:p1>, <sip:p2;lr>", "sip:p1", ("<sip:p2;lr>", "<sip:alice@10.0.0.2:5060>"), "sip:p1"),
    ],
)
def test_route_set(record_route: str, uri: str, routes: tuple[str, ...], hop: str) -> None:
    """Record-Route in order, for a loose and for a strict first router (§12.1.1, §12.2.1.1)."""
    dialog = Dialog.accept(request("SUBSCRIBE", Record_Route=record_route), tag="t1")
    _, notify = dialog.request("NOTIFY", via="SIP/2.0/UDP s")
    assert (notify.uri, notify.all("Route"), str(dialog.next_hop)) == (uri, routes, hop)


@pytest.mark.parametrize("route", ["rubbish", "<sip:p1;lr>, <tel:+1>"])
def test_no_dialog_with_routes_that_lead_nowhere(route: str) -> None:
    """Found out before the subscription is accepted, not when it is to be used."""
    with pytest.raises(MalformedMessage):
        Dialog.accept(request("SUBSCRIBE", Record_Route=route), tag="t1")


@pytest.mark.parametrize("contact", ["", "*", "<sip:a@h>, <sip:b@h>", "<tel:+1>"])
def test_no_dialog_without_one_usable_contact(contact: str) -> None:
    """A dialog needs exactly one SIP URI to send to."""
    with pytest.raises(MalformedMessage):
        Dialog.accept(request("SUBSCRIBE", Contact=contact), tag="t1")
