"""Events told from a client's own log of SIP messages."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from lab.clients.message_events import MessageEvents, TracedMessage
from lab.model.endpoint import Endpoint
from lab.record.events import ClientEvent, name_of
from lab.sip.message import Request, Response
from tests.unit.sip_requests import request

LOCAL, REMOTE = Endpoint("10.0.0.2", 40000), Endpoint("203.0.113.10", 5060)


def answer(to: Request, code: int, **headers: str) -> Response:
    kept = tuple((name, value) for name, value in to.headers if name in ("Via", "From", "To", "Call-ID", "CSeq"))
    more = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(code=code, reason="R", headers=(*kept, *more))


def told(
    messages: Iterable[tuple[str, Request | Response]], *, password: bool = False, transport: str = "udp"
) -> list[ClientEvent]:
    """What is told of messages, each with ``>`` if it was sent, else ``<``."""
    events = MessageEvents(has_password=password)
    return [
        event
        for way, message in messages
        for event in events.see(
            TracedMessage(message=message, sent=way == ">", transport=transport, local=LOCAL, remote=REMOTE)
        )
    ]


def names(events: Iterable[ClientEvent]) -> list[str]:
    return [name_of(type(event)) for event in events]


REGISTER = request("REGISTER")


def test_a_registration() -> None:
    """The first success is the account's; each result is told, with what was granted."""
    granted = answer(REGISTER, 200, Contact="<sip:a@x>;expires=60, <sip:b@x>;expires=300")
    events = told([(">", REGISTER), ("<", granted), (">", REGISTER), ("<", answer(REGISTER, 200, Expires="90"))])
    assert names(events) == ["request-sent", "registration", "registered", "request-sent", "registration"]
    assert [getattr(event, "expires", None) for event in events if name_of(type(event)) == "registration"] == [300, 90]


@pytest.mark.parametrize("password", [True, False])
def test_a_challenge_is_no_result_for_who_has_a_password(password: bool) -> None:
    """Unless the credentials were refused."""
    again = request("REGISTER", cseq=2, Authorization="Digest")
    events = told(
        [(">", REGISTER), ("<", answer(REGISTER, 401)), (">", again), ("<", answer(again, 401))], password=password
    )
    assert names(events).count("registration") == (1 if password else 2)


def test_a_refused_registration_is_no_account() -> None:
    assert names(told([(">", REGISTER), ("<", answer(REGISTER, 403))])) == ["request-sent", "registration"]


def test_a_subscription_counts_once_its_notify_is_accepted() -> None:
    """A NOTIFY that the client refuses has not been understood."""
    notify = request("NOTIFY", Subscription_State="active;expires=600")
    assert names(told([("<", notify), (">", answer(notify, 481))])) == []
    events = told([("<", notify), (">", answer(notify, 200)), (">", answer(notify, 200))])
    assert names(events) == ["subscription", "notify", "subscribed"]


def test_the_end_of_a_subscription() -> None:
    end = request("NOTIFY", Subscription_State="terminated;reason=timeout")
    (ended, _) = told([("<", end), (">", answer(end, 200))])
    assert (ended.state, ended.code, ended.reason) == ("terminated", 200, "timeout")  # type: ignore[attr-defined]
    subscribe = request("SUBSCRIBE")
    _, failed = told([(">", subscribe), ("<", answer(subscribe, 481))])
    assert (failed.state, failed.code) == ("terminated", 481)  # type: ignore[attr-defined]


def test_a_call() -> None:
    """Confirmed by the ACK; retransmissions change nothing."""
    invite, ack, bye = request("INVITE"), request("ACK"), request("BYE", cseq=2)
    ringing, accepted = answer(invite, 180), answer(invite, 200)
    events = told(
        [("<", invite), ("<", invite), (">", ringing), (">", accepted), (">", accepted), ("<", ack), ("<", bye)]
    )
    states = [event.state for event in events]  # type: ignore[attr-defined]
    assert states == ["incoming", "early", "connecting", "confirmed", "disconnected"]


def test_a_call_that_is_refused() -> None:
    invite = request("INVITE")
    events = told([("<", invite), (">", answer(invite, 486)), ("<", request("ACK"))])
    assert [(event.state, event.code) for event in events] == [  # type: ignore[attr-defined]
        ("incoming", 0),
        ("disconnected", 486),
    ]


@pytest.mark.parametrize(("transport", "connections"), [("udp", 0), ("tcp", 1), ("tls", 1)])
def test_a_connection_is_told_once(transport: str, connections: int) -> None:
    """By its local end, which the network knows it by; UDP has none."""
    events = told([(">", REGISTER), (">", REGISTER)], transport=transport)
    assert names(events).count("transport") == connections


def test_what_lacks_a_header_is_not_told() -> None:
    """Nor does it stop anybody."""
    bare = Request(method="OPTIONS", uri="sip:x", headers=())
    assert told([(">", bare), ("<", bare)]) == []
