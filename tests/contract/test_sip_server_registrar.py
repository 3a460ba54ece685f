"""The scripted server as a registrar, on loopback: bindings, SIP outbound, and how contacts are kept."""

from __future__ import annotations

import pytest

from lab.sip.message import Request
from tests.contract.sip_phone import HOST, Call, Server, Start, registered

# Bindings


def test_register(start: Start, call: Call) -> None:
    """No questions asked; the 200 lists the bindings, and each ends in its time unless removed."""
    server, ports = start(registration_expires=100.0)
    phone = call("tls", ports["tls"])
    response = phone.ask("REGISTER", Expires="3600")
    assert (response.code, response.first("Contact")) == (200, f"<{phone.uri}>;expires=100")
    binding = server.event("binding")
    assert (binding["aor"], binding["contact"], binding["flow"]) == ("sip:bob@example.com", phone.uri, "f1")
    assert (binding["state"], binding["expires"]) == ("active", 100)
    assert phone.ask("REGISTER", Expires="1").first("Contact") == f"<{phone.uri}>;expires=1"
    assert phone.ask("REGISTER", Expires="2").code == 200
    refreshed = server.event("binding", expires=2)
    assert refreshed["state"] == "refreshed"
    expired = server.event("binding", state="expired")
    assert expired["at"] - refreshed["at"] == pytest.approx(2.0, abs=0.5)  # not after the first second
    phone.ask("REGISTER")
    assert phone.ask("REGISTER", Contact="*", Expires="0").all("Contact") == ()
    assert server.event("binding", state="removed")["contact"] == phone.uri


# SIP outbound

SERVER_OUTBOUND = {"kind": "server-outbound"}
DEVICE = ';reg-id=1;+sip.instance="<urn:uuid:a>"'


def test_outbound_registration(start: Start, call: Call) -> None:
    """The device's new flow replaces the old binding, and OPTIONS to it take the new flow."""
    server, ports = start(mitigations=[{"kind": "flow-timer", "time": 60.0}], notify_route="contact")
    for flow in ("f1", "f2"):
        phone = call("tcp", ports["tcp"])
        uri = f"sip:alice@192.0.2.1:{flow[1]};transport=tcp;ob"  # leads nowhere
        answer = phone.ask("REGISTER", Contact=f"<{uri}>{DEVICE}", Supported="outbound")
        assert (answer.first("Require"), answer.first("Flow-Timer")) == ("outbound", "60")
        assert len(answer.all("Contact")) == 1
        assert server.event("binding")["flow"] == flow
    server.command("options", probe="o1", within=5.0)
    options = phone.receive()
    assert isinstance(options, Request)
    assert options.uri == uri
    phone.answer(options)
    assert server.event("probe", state="answered")["flow"] == "f2"


def test_outbound_contact_of_a_lost_flow(start: Start, call: Call) -> None:
    """RFC 5626 §5.3: a request for a lost flow fails; it does not go to the address instead."""
    server, ports = start(mitigations=[SERVER_OUTBOUND], notify_route="contact")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER", Contact=f"<sip:alice@{HOST}:{ports['tcp']};transport=tcp;ob>{DEVICE}", Supported="outbound")
    phone.sock.close()
    server.event("flow", state="closed")
    server.command("options", probe="o1", within=5.0)
    assert server.event("probe")["reason"] == "flow-gone"


def test_no_outbound_unless_switched_on(start: Start, call: Call) -> None:
    """A registrar without it binds the address, and says nothing of it."""
    _, ports = start()
    phone = call("tcp", ports["tcp"])
    answer = phone.ask("REGISTER", Contact=f"<{phone.uri};ob>{DEVICE}", Supported="outbound")
    assert (answer.first("Require"), answer.first("Flow-Timer")) == (None, None)


# How contacts are kept


@pytest.mark.parametrize(
    ("matches_by", "more", "kept"),
    [
        ("contact", {}, ["b1", "b2"]),
        ("contact", {"device": DEVICE}, ["b1", "b2"]),
        ("instance", {"device": DEVICE}, ["b1"]),
        ("instance", {}, ["b1", "b2"]),
        ("connection", {"device": DEVICE}, ["b1", "b2"]),
    ],
)
def test_what_replaces_a_contact(
    start: Start, call: Call, matches_by: str, more: dict[str, str], kept: list[str]
) -> None:
    """A phone comes with another contact, on another connection."""
    server, ports = start(matches_by=matches_by)
    for _ in range(2):
        phone = call("tcp", ports["tcp"])
        answer = phone.ask("REGISTER", Contact=f"<{phone.uri}>{more.get('device', '')}")
    assert len(answer.all("Contact")) == len(kept)
    assert answer.first("Require") is None  # this is not SIP outbound
    assert sorted({server.event("binding")["id"], server.event("binding")["id"]}) == kept


def test_another_contact_on_the_same_connection(start: Start, call: Call) -> None:
    """Replaces the one before where connections are matched, though the phone asks for that one's removal, too."""
    server, ports = start(matches_by="connection")
    phone = call("tcp", ports["tcp"])
    phone.ask("REGISTER")
    both = f"<sip:alice@198.51.100.2:7;transport=tcp>, <{phone.uri}>;expires=0"
    assert len(phone.ask("REGISTER", Contact=both).all("Contact")) == 1
    assert [server.event("binding")[key] for key in ("id",)] == ["b1"]
    changed = server.event("binding")
    assert (changed["id"], changed["state"], changed["contact"]) == (
        "b1",
        "refreshed",
        "sip:alice@198.51.100.2:7;transport=tcp",
    )


def test_the_oldest_contact_makes_room(start: Start, call: Call) -> None:
    """With two places, the third contact costs the one that registered first; a refresh makes a contact young again."""
    server, ports = start(at_most=2, removes_oldest=True)
    phones = [call("tcp", ports["tcp"]) for _ in range(3)]
    for phone in (*phones[:2], phones[0], phones[2]):
        answer = phone.ask("REGISTER")
    assert len(answer.all("Contact")) == 2
    assert server.event("binding", state="removed")["contact"] == phones[1].uri


def test_one_contact_too_many_is_refused(start: Start, call: Call) -> None:
    """503, and those that are there stay and can be refreshed."""
    _, ports = start(at_most=2)
    phones = [call("tcp", ports["tcp"]) for _ in range(3)]
    assert [phone.ask("REGISTER").code for phone in (*phones, phones[0])] == [200, 200, 503, 200]


@pytest.mark.parametrize(("asked_for", "code"), [("59", 423), ("60", 200), ("0", 200)])
def test_too_short_an_expiry(start: Start, call: Call, asked_for: str, code: int) -> None:
    """Is refused with the least that is granted (RFC 3261 §10.3 step 7); to remove is no expiry."""
    _, ports = start(least_expires=60.0)
    answer = call("tcp", ports["tcp"]).ask("REGISTER", Expires=asked_for)
    assert (answer.code, answer.first("Min-Expires")) == (code, "60" if code == 423 else None)


@pytest.mark.parametrize("removes_closed", [False, True])
def test_a_contact_whose_connection_ends(start: Start, call: Call, removes_closed: bool) -> None:
    """Is kept, or is removed with it."""
    old, new = registered(start, call, removes_closed=removes_closed)
    server: Server = new.server
    old.sock.close()
    server.event("flow", state="closed")
    assert len(new.ask("REGISTER").all("Contact")) == (1 if removes_closed else 2)
    server.event("binding", id="b2", state="refreshed")
    assert [one["id"] for one in server.seen("binding") if one["state"] == "removed"] == ["b1"] * removes_closed
