"""Subscriptions (RFC 6665), and the presence document in their NOTIFY."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.sip.pidf import pidf
from lab.sip.subscription import Notifier, Subscription
from lab.sip.uas import RequestRefused
from tests.unit.sip_requests import request


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
