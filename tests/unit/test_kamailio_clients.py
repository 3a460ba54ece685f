"""Flows, subscriptions and bindings, as the lab tells them after Kamailio."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, cast

import pytest

from lab.actors.channel import Channel, Message, Messages
from lab.model.endpoint import Endpoint
from lab.record.events import Binding, ClientGivenUp, ServerFlow, ServerSubscription
from lab.servers.kamailio.clients import Clients, PendingRequest
from lab.servers.kamailio.flows import Flow, Flows
from tests.unit.kamailio_settings import configuration

PEER = Endpoint("198.51.100.2", 40000)


class Heard:
    """What went into a channel."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(0)
        self._messages = Messages()
        self.channel = Channel(theirs)

    def messages(self) -> list[Message]:
        return self._messages.feed(self._ours.recv(1 << 16))

    def flows(self) -> list[ServerFlow]:
        """The events, which are all of flows."""
        events = [message.event for message in self.messages()]
        assert all(isinstance(event, ServerFlow) for event in events)
        return cast("list[ServerFlow]", events)

    def close(self) -> None:
        self._ours.close()
        self.channel.sock.close()


@pytest.fixture
def heard() -> Iterator[Heard]:
    heard = Heard()
    yield heard
    heard.close()


def test_a_flow_is_told_once(heard: Heard) -> None:
    ended: list[Flow] = []
    flows = Flows(heard.channel, ended.append)
    first = flows.seen("tls:198.51.100.2:40000/203.0.113.10:5061", 1, at=1.0)
    assert flows.seen("tls:198.51.100.2:40000/203.0.113.10:5061", 1, at=2.0) == first
    assert [event.state for event in heard.flows()] == ["accepted", "secured"]
    flows.ended("tls:198.51.100.2:40000/203.0.113.10:5061", "reset", "Connection reset by peer", at=3.0)
    flows.ended("tcp:198.51.100.2:9/203.0.113.10:5061", "closed", "fin", at=3.0)  # never seen
    ((at, event),) = heard.messages()
    assert isinstance(event, ServerFlow)
    assert (event.id, event.state, at) == ("f1", "reset", 3.0)
    assert ended == [first]


def test_a_handshake_that_fails_is_a_flow_that_never_was(heard: Heard) -> None:
    flows = Flows(heard.channel, lambda flow: None)
    flows.refused("tls:198.51.100.2:40000/203.0.113.10:5061", "certificate verify failed")
    told = [(event.id, event.state, event.reason) for event in heard.flows()]
    assert told == [("f1", "accepted", ""), ("f1", "failed", "certificate verify failed")]
    assert flows.find("tls", PEER) is None
    flows.seen("tls:198.51.100.2:40001/203.0.113.10:5061", 2, at=1.0, subject="alice")
    assert [(event.id, event.subject) for event in heard.flows()] == [("f2", ""), ("f2", "alice")]


def test_the_same_peer_at_another_address_is_another_flow(heard: Heard) -> None:
    """A client that sends by UDP to both has one port, and two flows."""
    flows = Flows(heard.channel, lambda flow: None)
    for own in ("203.0.113.10:5060", "203.0.113.20:5060"):
        flows.seen(f"udp:198.51.100.2:40000/{own}", 0, at=1.0)
    told = [(event.id, event.own) for event in heard.flows()]
    assert told == [("f1", Endpoint("203.0.113.10", 5060)), ("f2", Endpoint("203.0.113.20", 5060))]
    newest = flows.find("udp", PEER)
    assert newest is not None
    assert newest.id == "f2"


def test_the_same_port_again_is_another_flow(heard: Heard) -> None:
    flows = Flows(heard.channel, lambda flow: None)
    flows.seen("tcp:198.51.100.2:40000/203.0.113.10:5061", 1, at=1.0)
    assert flows.seen("tcp:198.51.100.2:40000/203.0.113.10:5061", 2, at=2.0).id == "f2"
    assert [(event.id, event.state) for event in heard.flows()] == [
        ("f1", "accepted"), ("f1", "closed"), ("f2", "accepted"),
    ]  # fmt: skip


def asked(**changes: Any) -> PendingRequest:
    usual = PendingRequest("f1", "tls", PEER, "call", "sip:alice@x", "<sip:alice@10.0.0.2;ob>", "600", 5.0)
    return usual._replace(**changes)


def test_a_subscription_from_its_beginning_to_its_end(heard: Heard) -> None:
    changes: list[int] = []
    clients = Clients(
        heard.channel,
        registration_expires=300,
        by_device=False,
        only_one=False,
        on_change=lambda: changes.append(1),
    )
    clients.subscribed(asked(), 60, at=5.0)
    assert clients.flows() == {"f1"}
    clients.subscribed(asked(flow="f2"), 60, at=50.0)
    assert clients.flows() == {"f2"}
    clients.subscribed(asked(expires="0"), 0, at=70.0)
    clients.unsubscribed("call", "expired", at=80.0)  # it has ended already
    contact = "sip:alice@10.0.0.2;ob"
    assert [message.event for message in heard.messages()] == [
        ServerSubscription(id="s1", state="active", expires=60, flow="f1", contact=contact),
        ServerSubscription(id="s1", state="refreshed", expires=60, flow="f2", contact=contact),
        ServerSubscription(id="s1", state="terminated", expires=0, flow="f1", contact=contact),
    ]
    assert clients.newest_subscription() is None
    assert len(changes) == 3


@pytest.mark.parametrize(("outbound", "states"), [(False, ["active", "active"]), (True, ["active", "refreshed"])])
def test_a_device_is_one_binding_with_outbound_only(
    outbound: bool,
    states: list[str],
    heard: Heard,
) -> None:
    clients = Clients(
        heard.channel, registration_expires=300, by_device=outbound, only_one=False, on_change=lambda: None
    )
    device = ';reg-id=1;+sip.instance="<urn:uuid:1>"'
    clients.registered(asked(contact=f"<sip:alice@10.0.0.2:1>{device}"))
    clients.registered(asked(contact=f"<sip:alice@10.0.0.2:2>{device}", flow="f2"))
    events = [message.event for message in heard.messages()]
    assert [event.state for event in events if isinstance(event, Binding)] == states
    target = clients.newest_binding(0.0)
    assert target is not None
    assert target.flow == "f2"


def test_an_expired_binding_is_nobody_to_call(heard: Heard) -> None:
    """Kamailio looks once a second; in between the binding has ended at its own time, and is said to have."""
    clients = Clients(heard.channel, registration_expires=300, by_device=False, only_one=False, on_change=lambda: None)
    clients.registered(asked(at=10.0, expires="60"))
    assert clients.newest_binding(69.9) is not None
    assert clients.newest_binding(70.0) is None
    active, expired = (message for message in heard.messages() if isinstance(message.event, Binding))
    assert isinstance(expired.event, Binding)
    assert (active.at, expired.event.state, expired.at) == (10.0, "expired", 70.0)


def test_a_contact_is_replaced_by_one_request(heard: Heard) -> None:
    """pjsua registers its address outside the NAT and removes the one inside, in two Contact lines."""
    clients = Clients(heard.channel, registration_expires=300, by_device=False, only_one=False, on_change=lambda: None)
    clients.registered(asked(contact="<sip:alice@10.0.0.2:1>"))
    clients.registered(asked(contact="<sip:alice@198.51.100.2:1>, <sip:alice@10.0.0.2:1>;expires=0"))
    events = [message.event for message in heard.messages()]
    assert [(event.id, event.state) for event in events if isinstance(event, Binding)] == [
        ("b1", "active"),
        ("b2", "active"),
        ("b1", "removed"),
    ]
    assert "contact=$(hdr(Contact)[*]{s.encode.base64})" in configuration()  # all of them, not the first alone


@pytest.mark.parametrize(("limit", "at", "given_up"), [(None, 60.0, 0), (3, 60.0, 1), (3, 304.5, 0)])
def test_a_binding_that_ends_before_its_time_was_given_up(
    limit: int | None, at: float, given_up: int, heard: Heard
) -> None:
    """If Kamailio gives contacts up at all."""
    clients = Clients(
        heard.channel,
        registration_expires=300,
        by_device=False,
        only_one=False,
        on_change=lambda: None,
        gives_up_after=limit,
    )
    one = asked(contact="<sip:alice@10.0.0.2:1>", expires="300")
    clients.registered(one)
    clients.unregistered("alice", "sip:alice@10.0.0.2:1", at=one.at + at - 5)
    events = [message.event for message in heard.messages()]
    told = [event for event in events if isinstance(event, ClientGivenUp)]
    assert told == [ClientGivenUp(flow="f1", misses=3)] * given_up
    (ended,) = (event for event in events if isinstance(event, Binding) and event.state != "active")
    assert ended.state == ("removed" if at == 60.0 else "expired")  # without a limit its connection has ended
