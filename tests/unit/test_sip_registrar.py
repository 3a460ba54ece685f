"""Bindings (RFC 3261 §10), and those of flows (RFC 5626)."""

from __future__ import annotations

from typing import Any

import pytest

from lab.sip.message import MalformedMessage
from lab.sip.registrar import Policy, Registrar, address_of_record, contacts
from lab.sip.uas import RequestRefused
from tests.unit.sip_requests import request


def register(
    registrar: Registrar, now: float, *, cseq: int = 1, flow: str = "f1", **more: str
) -> list[tuple[str, str]]:
    changes = registrar.register(request("REGISTER", cseq=cseq, **more), now=now, flow=flow)
    return [(binding.contact, state) for binding, state in changes]


AOR = "sip:bob@example.com"


def test_the_life_of_a_binding() -> None:
    """Register, refresh, add another, remove one, remove all; a query changes nothing."""
    registrar = Registrar(300.0)
    one, two = "sip:alice@10.0.0.2:5060", "sip:alice@10.0.0.2:6000;transport=tcp"
    assert register(registrar, 0.0) == [(one, "active")]
    assert register(registrar, 100.0, cseq=2, flow="f2") == [(one, "refreshed")]
    assert contacts(registrar.bindings(AOR), now=110.0) == (("Contact", f"<{one}>;expires=290"),)
    assert [binding.flow for binding in registrar.bindings(AOR)] == ["f2"]
    assert register(registrar, 110.0, cseq=3, Contact=f"<{two}>;expires=60") == [(two, "active")]
    assert register(registrar, 111.0, cseq=4, Contact="") == []
    assert register(registrar, 112.0, cseq=5, Contact=f"<{one}>;expires=0, <{one}>;expires=0") == [(one, "removed")] * 2
    assert register(registrar, 113.0, cseq=6, Contact="*", Expires="0") == [(two, "removed")]
    assert registrar.bindings(AOR) == []
    assert registrar.all() == []


def test_what_a_registration_is_granted() -> None:
    """Its own expires before the header's before the registrar's longest, which bounds them all."""
    registrar = Registrar(300.0)
    values = "<sip:a@h>;expires=20, <sip:b@h>, <sip:c@h>;expires=9000"
    register(registrar, 0.0, Contact=values, Expires="100")
    assert [binding.expires_at for binding in registrar.bindings(AOR)] == [20.0, 100.0, 300.0]


@pytest.mark.parametrize("removes_oldest", [True, False])
def test_a_contact_that_takes_the_place_of_another_is_none_too_many(*, removes_oldest: bool) -> None:
    """A REGISTER is taken as a whole (§10.3); a client that learns its outside address replaces its contact so."""
    registrar = Registrar(300.0, policy=Policy(at_most=2, removes_oldest=removes_oldest))
    register(registrar, 0.0, Contact="<sip:other@h>")
    register(registrar, 1.0, cseq=2, Contact="<sip:inside@h>")
    moved = register(registrar, 2.0, cseq=3, Contact="<sip:outside@h>, <sip:inside@h>;expires=0")
    assert moved == [("sip:outside@h", "active"), ("sip:inside@h", "removed")]
    assert [one.contact for one in registrar.bindings(AOR)] == ["sip:other@h", "sip:outside@h"]


def test_one_contact_too_many() -> None:
    """It is refused, and nothing is done; or the oldest of the others goes."""
    for removes_oldest in (True, False):
        registrar = Registrar(300.0, policy=Policy(at_most=1, removes_oldest=removes_oldest))
        register(registrar, 0.0, Contact="<sip:old@h>")
        if removes_oldest:
            assert register(registrar, 1.0, cseq=2, Contact="<sip:new@h>")[-1] == ("sip:old@h", "removed")
            continue
        with pytest.raises(RequestRefused) as caught:
            register(registrar, 1.0, cseq=2, Contact="<sip:new@h>")
        assert caught.value.code == 503
        assert [one.contact for one in registrar.bindings(AOR)] == ["sip:old@h"]


def test_out_of_order_register() -> None:
    """Nothing is done, not even for the contacts in order (§10.3 step 7)."""
    registrar = Registrar(300.0)
    register(registrar, 0.0, cseq=5)
    before = registrar.bindings(AOR)
    with pytest.raises(RequestRefused) as caught:
        register(registrar, 1.0, cseq=5, Contact="<sip:new@h>, <sip:alice@10.0.0.2:5060>")
    assert (caught.value.code, registrar.bindings(AOR)) == (500, before)
    assert register(registrar, 1.0, cseq=1, Call_ID="c2") == [("sip:alice@10.0.0.2:5060", "refreshed")]


@pytest.mark.parametrize(
    "more",
    [
        {"Contact": "*"},
        {"Contact": "*", "Expires": "1"},
        {"Contact": "*, <sip:a@h>", "Expires": "0"},
        {"Expires": "soon"},
        {"Contact": "<sip:a@h>;expires=-1"},
        {"Contact": "<mailto:a@h>"},
    ],
)
def test_bad_registers(more: dict[str, str]) -> None:
    """They change nothing."""
    registrar = Registrar(300.0)
    register(registrar, 0.0)
    with pytest.raises(MalformedMessage):
        register(registrar, 1.0, cseq=2, **more)
    assert len(registrar.bindings(AOR)) == 1


def outbound(reg_id: str = "1", *, port: int, supported: str = "path, outbound") -> dict[str, Any]:
    contact = f'<sip:alice@10.0.0.2:{port};ob>;reg-id={reg_id};+sip.instance="<urn:uuid:a>"'
    return {"Contact": contact, "Supported": supported}


def test_outbound_binds_the_flow_of_a_device() -> None:
    """A new flow of the same device and reg-id replaces the old one, whatever its Contact (RFC 5626 §6)."""
    registrar = Registrar(300.0, outbound=True)
    assert register(registrar, 0.0, **outbound(port=1)) == [("sip:alice@10.0.0.2:1;ob", "active")]
    assert register(registrar, 1.0, cseq=2, flow="f2", **outbound(port=2)) == [("sip:alice@10.0.0.2:2;ob", "refreshed")]
    assert register(registrar, 2.0, cseq=3, flow="f3", **outbound("2", port=3))[0][1] == "active"
    assert [(one.id, one.flow, one.device) for one in registrar.bindings(AOR)] == [
        ("b1", "f2", ('"<urn:uuid:a>"', "1")),
        ("b2", "f3", ('"<urn:uuid:a>"', "2")),
    ]
    shown = contacts(registrar.bindings(AOR), now=2.0)
    assert shown[0][1] == '<sip:alice@10.0.0.2:2;ob>;expires=299;+sip.instance="<urn:uuid:a>";reg-id=1'


@pytest.mark.parametrize(
    ("supports", "more"),
    [
        (False, outbound(port=1)),  # the registrar does not
        (True, outbound(port=1, supported="path")),  # the client does not ask
        (True, {"Contact": "<sip:alice@10.0.0.2:1;ob>;reg-id=1", "Supported": "outbound"}),  # and names no device
    ],
)
def test_no_outbound_unless_both_sides_do_it(supports: bool, more: dict[str, Any]) -> None:
    """Then an address is bound, and the next one stands beside it."""
    registrar = Registrar(300.0, outbound=supports)
    register(registrar, 0.0, **more)
    register(registrar, 1.0, cseq=2, **{**more, "Contact": more["Contact"].replace(":1", ":2")})
    assert [one.device for one in registrar.bindings(AOR)] == [None, None]


def test_binding_expiry() -> None:
    """Only an overdue binding is taken away."""
    registrar = Registrar(300.0)
    register(registrar, 0.0)
    (binding,) = registrar.bindings(AOR)
    assert registrar.expire(binding.key, now=299.9) is None
    assert registrar.expire(binding.key, now=300.0) == binding
    assert registrar.bindings(AOR) == []


def test_address_of_record() -> None:
    """Port, parameters and display name are not part of it."""
    assert address_of_record(request("REGISTER", to='"B" <SIP:bob@Example.COM:5061;transport=tls>;tag=x')) == AOR
