"""What the server decides: answers, dialogs, subscriptions, bindings. No sockets, no clock."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sip.dialog import Dialog
from lab.sip.fields import NameAddr
from lab.sip.message import MalformedMessage, Request, Response, parse
from lab.sip.pidf import pidf
from lab.sip.registrar import Policy, Registrar, address_of_record, contacts
from lab.sip.subscription import Notifier, Subscription
from lab.sip.transaction import client_key, retransmissions, server_key
from lab.sip.uas import RequestRefused, check, respond

PEER = ("198.51.100.2", 40000)


def request(
    method: str, *, cseq: int = 1, to: str = "<sip:bob@example.com>", uri: str = "sip:example.com", **more: str
) -> Request:
    """A request from alice; ``more`` adds or replaces headers, with `_` for `-`."""
    headers = {
        "Via": "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport",
        "From": "<sip:alice@example.com>;tag=a",
        "To": to,
        "Call-ID": "c1",
        "CSeq": f"{cseq} {method}",
        "Contact": "<sip:alice@10.0.0.2:5060>",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return Request(method=method, uri=uri, headers=tuple(headers.items()))


def without(message: Request, name: str) -> Request:
    return Request(
        method=message.method, uri=message.uri, headers=tuple(pair for pair in message.headers if pair[0] != name)
    )


# Checks before the method (RFC 3261 §8.2)


@pytest.mark.parametrize(
    ("message", "code", "headers"),
    [
        (request("INVITE"), 405, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("options"), 501, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("NEWMETHOD"), 501, (("Allow", "OPTIONS, REGISTER, SUBSCRIBE"),)),
        (request("OPTIONS", uri="tel:+1"), 416, ()),
        (request("OPTIONS", uri="nobody-knows:this"), 416, ()),
        (request("OPTIONS", Require="outbound, 100rel"), 420, (("Unsupported", "outbound, 100rel"),)),
        (Request(method="OPTIONS", uri="sip:x", version="SIP/7.0"), 505, ()),
        (request("BYE"), 481, ()),
        (request("CANCEL"), 481, ()),
    ],
)  # fmt: skip
def test_refused(message: Request, code: int, headers: tuple[tuple[str, str], ...]) -> None:
    """Each reason to refuse has its status and headers."""
    with pytest.raises(RequestRefused) as caught:
        check(message)
    assert (caught.value.code, caught.value.headers) == (code, headers)


@pytest.mark.parametrize(
    "message",
    [
        *(without(request("OPTIONS"), name) for name in ("From", "To", "Call-ID", "CSeq")),
        request("OPTIONS", CSeq="1 INVITE"),
        request("OPTIONS", CSeq="4294967296 OPTIONS"),
        request("BYE", CSeq="1 INVITE"),
        request("OPTIONS", Max_Forwards="300"),
        request("OPTIONS", Max_Forwards="x"),
        request("OPTIONS", Max_Forwards="-1"),
        request("OPTIONS", to="bob"),
        request("OPTIONS", From='"<sip:alice@example.com>;tag=a'),
        request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1, SIP/9.0/UDP x"),
        request("OPTIONS", uri="<sip:example.com>"),
        request("OPTIONS", uri="sip:a b@example.com"),
        request("OPTIONS", uri="example.com"),
        Request(method="OPTIONS", uri="sip:x", headers=(*request("OPTIONS").headers, ("CSeq", "2 OPTIONS"))),
    ],
)
def test_a_request_without_sense_is_malformed(message: Request) -> None:
    """Mandatory fields are there once, can be read and agree with each other."""
    with pytest.raises(MalformedMessage):
        check(message)


def test_extensions_that_are_supported_may_be_required() -> None:
    """Only the others are named in the refusal."""
    check(request("OPTIONS", Require="Outbound"), extensions=frozenset(("outbound",)))
    with pytest.raises(RequestRefused) as caught:
        check(request("OPTIONS", Require="outbound, 100rel"), extensions=frozenset(("outbound",)))
    assert caught.value.headers == (("Unsupported", "100rel"),)


def test_a_plain_request_passes() -> None:
    """What is refused above is refused for the reason given, not by chance."""
    check(request("OPTIONS"))
    check(request("OPTIONS", Max_Forwards="255"))
    check(request("OPTIONS", Max_Forwards="0"))
    check(without(request("OPTIONS", Supported="outbound, path", Proxy_Require="x"), "Contact"))


def test_a_response_answers_its_request() -> None:
    """Vias in order with the first one stamped, From, Call-ID and CSeq as they came, To with a tag (§8.2.6.2)."""
    message = request("OPTIONS", Via="SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport, SIP/2.0/TCP b")
    response = respond(message, 200, ("Allow", "x"), peer=PEER, tag="t1")
    assert response.headers == (
        ("Via", "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport=40000;received=198.51.100.2"),
        ("Via", "SIP/2.0/TCP b"),
        ("From", "<sip:alice@example.com>;tag=a"),
        ("To", "<sip:bob@example.com>;tag=t1"),
        ("Call-ID", "c1"),
        ("CSeq", "1 OPTIONS"),
        ("Allow", "x"),
    )
    again = respond(request("OPTIONS", to="<sip:bob@example.com>;tag=old"), 481, peer=PEER, tag="t1")
    assert again.first("To") == "<sip:bob@example.com>;tag=old"


def test_a_malformed_request_is_answered_with_its_own_words() -> None:
    """Fields that cannot be read go back as they came."""
    response = respond(request("OPTIONS", to="??", Via="SIP/2.0/UDP"), 400, peer=PEER, tag="t1")
    assert (response.first("Via"), response.first("To")) == ("SIP/2.0/UDP", "??")


# Transactions (RFC 3261 §17)


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


# Dialogs (RFC 3261 §12)


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


# Subscriptions (RFC 6665)


def subscribe(
    notifier: Notifier, now: float, *, tag: str = "t1", flow: str = "f1", **more: str
) -> tuple[Subscription, str]:
    to = more.pop("to", "<sip:bob@example.com>")
    message = request("SUBSCRIBE", cseq=1, to=to, **{"Event": "presence", **more})
    return notifier.subscribe(message, now=now, flow=flow, tag=tag)


def inside(cseq: int) -> dict[str, str]:
    return {"to": "<sip:bob@example.com>;tag=t1", "CSeq": f"{cseq} SUBSCRIBE"}


def state_of(subscription: Subscription, now: float) -> str | None:
    _, notify = subscription.notify(now=now, note="p1", via="SIP/2.0/UDP s", contact="sip:s")
    return notify.first("Subscription-State")


def test_the_life_of_a_subscription() -> None:
    """Subscribe, refresh from another flow and Contact, unsubscribe; NOTIFY says the seconds left."""
    notifier = Notifier(600.0)
    subscription, state = subscribe(notifier, 100.0, Expires="300")
    assert (state, subscription.id, subscription.expires_at) == ("active", "s1", 400.0)
    assert state_of(subscription, 100.0) == "active;expires=300"
    assert state_of(subscription, 140.2) == "active;expires=260"
    assert state_of(subscription, 399.9) == "active;expires=1"
    subscription, state = subscribe(notifier, 350.0, flow="f2", Contact="<sip:alice@10.0.0.2:9>", **inside(2))
    assert (state, subscription.id, subscription.flow, subscription.expires_at) == ("refreshed", "s1", "f2", 950.0)
    assert subscription.dialog.remote_target == "sip:alice@10.0.0.2:9"
    subscription, state = subscribe(notifier, 360.0, Expires="0", **inside(3))
    assert (state, state_of(subscription, 360.0)) == ("terminated", "terminated;reason=timeout")
    with pytest.raises(RequestRefused) as caught:
        subscribe(notifier, 361.0, **inside(4))
    assert caught.value.code == 481


@pytest.mark.parametrize(
    ("asked", "granted"), [(None, 600.0), ("0", 0.0), ("38", 38.0), ("600", 600.0), ("3600", 600.0), ("9" * 30, 600.0)]
)
def test_what_is_granted(asked: str | None, granted: float) -> None:
    """At most the notifier's longest, and that when nothing is asked for (RFC 6665 §4.2.1.1)."""
    more = {} if asked is None else {"Expires": asked}
    subscription, _ = subscribe(Notifier(600.0), 5.0, **more)
    assert subscription.expires_at - 5.0 == granted


def test_expiry() -> None:
    """Only an overdue subscription is taken away; a refreshed one is not."""
    notifier = Notifier(60.0)
    subscription, _ = subscribe(notifier, 0.0)
    subscribe(notifier, 50.0, **inside(2))
    assert notifier.expire(subscription.dialog.id, now=60.0) is None
    over = notifier.expire(subscription.dialog.id, now=110.0)
    assert over is not None
    assert state_of(over, 110.0) == "terminated;reason=timeout"
    assert notifier.expire(subscription.dialog.id, now=110.0) is None


def test_the_newest_live_subscription() -> None:
    """The one that began last; not one that is over, not a fetch."""
    notifier = Notifier(600.0)
    assert notifier.newest(now=0.0) is None
    subscribe(notifier, 0.0, tag="t1")
    subscribe(notifier, 1.0, tag="t2", Expires="10", Call_ID="c2")
    subscribe(notifier, 2.0, tag="t3", Expires="0", Call_ID="c3")
    assert [one and one.id for one in (notifier.newest(now=5.0), notifier.newest(now=11.0))] == ["s2", "s1"]


@pytest.mark.parametrize(("event", "code"), [("", 489), ("dialog", 489), ("presence.winfo", 489)])
def test_other_packages_are_refused(event: str, code: int) -> None:
    """With the one package there is."""
    with pytest.raises(RequestRefused) as caught:
        subscribe(Notifier(600.0), 0.0, Event=event)
    assert (caught.value.code, caught.value.headers) == (code, (("Allow-Events", "presence"),))


def test_event_id_comes_back() -> None:
    """The NOTIFY's Event is the SUBSCRIBE's, parameters and all (RFC 6665 §4.1.3)."""
    subscription, _ = subscribe(Notifier(600.0), 0.0, Event="presence;id=4")
    _, notify = subscription.notify(now=0.0, note="", via="SIP/2.0/UDP s", contact="sip:s")
    assert notify.first("Event") == "presence;id=4"


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=20))
def test_pidf_carries_any_note(note: str) -> None:
    """An XML parser reads the note that was written; none when it is empty."""
    tree = ET.fromstring(pidf("sip:b&b@example.com", note))
    namespace = "{urn:ietf:params:xml:ns:pidf}"
    found = tree.find(f"{namespace}tuple/{namespace}note")
    assert tree.get("entity") == "sip:b&b@example.com"
    assert (found.text if found is not None else "") == note


# Bindings (RFC 3261 §10)


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


# Everything at once


@given(st.binary(max_size=400) | st.sampled_from([request("SUBSCRIBE", Event="presence").encode()]), st.data())
def test_no_request_raises_anything_else(raw: bytes, data: st.DataObject) -> None:
    """Whatever arrives is answered, refused or malformed."""
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 4)) if damaged else 0):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(32, 126))
    notifier, registrar = Notifier(600.0), Registrar(300.0)
    with contextlib.suppress(MalformedMessage, RequestRefused):
        message = parse(bytes(damaged))
        if isinstance(message, Response):
            client_key(message)
            return
        parse(respond(message, 400, peer=PEER, tag="t1").encode())
        server_key(message)
        check(message)
        notifier.subscribe(message, now=0.0, flow="f1", tag="t1")
        registrar.register(message, now=0.0, flow="f1")


def test_to_tag_is_added_once() -> None:
    """An address keeps its other parameters."""
    assert str(NameAddr.parse("<sip:b@h>;x=1").with_tag("t")) == "<sip:b@h>;x=1;tag=t"
