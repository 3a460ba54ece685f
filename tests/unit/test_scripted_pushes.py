"""The scripted server's pushes: when it wants one, and what it forgets."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

from lab.record.events import PushRequested
from lab.servers.pushes import Pushes, PushSettings
from lab.sip.push import PushTarget

TARGET = PushTarget("apns", "token", "TEAM.app.voip")
CONTACT = "sip:alice@198.51.100.2:40001;transport=TLS;ob;pn-provider=apns;pn-param=TEAM.app.voip;pn-prid=token"


class Contact(NamedTuple):
    """A binding."""

    push: PushTarget | None = TARGET
    id: str = "b1"
    flow: str = "f1"


class Channel:
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    def emit(self, event: Any) -> None:
        self.said.append(event)


def pushes(heard_s_ago: float | None, *, quiet_after: float = 0.0, settings: bool = True) -> tuple[Pushes, Channel]:
    loop, channel = asyncio.new_event_loop(), Channel()
    wanted = PushSettings(6.0, quiet_after, "high") if settings else None
    now = loop.time()
    loop.close()
    heard = None if heard_s_ago is None else now - heard_s_ago
    return Pushes(wanted, channel, loop, heard_at=lambda _: heard), channel  # type: ignore[arg-type]  # stands for an actor's channel


@pytest.mark.parametrize(
    ("heard_s_ago", "quiet_after", "wanted"),
    [(None, 60, True), (0, 0, True), (30, 60, False), (90, 60, True)],
)
def test_who_must_be_woken(heard_s_ago: float | None, quiet_after: float, wanted: bool) -> None:
    """Who has no connection, or a quiet one; who names no push service cannot be."""
    server, _ = pushes(heard_s_ago, quiet_after=quiet_after)
    assert server.wanted(Contact()) == (TARGET if wanted else None)
    assert server.wanted(Contact(push=None)) is None


def test_a_server_that_asks_for_none() -> None:
    """Without the mitigation parameters in a Contact mean nothing."""
    assert pushes(None, settings=False)[0].wanted(Contact()) is None


def test_a_token_that_was_refused_is_not_used_again() -> None:
    """Until a REGISTER names it."""
    server, channel = pushes(None)
    refused: list[str] = []
    server.ask(Contact(), "p1", lambda: refused.append("p1"))
    assert channel.said == [
        PushRequested(id="n1", probe="p1", binding="b1", provider="apns", prid="token", priority="high")
    ]
    server.refused("n1")
    assert refused == ["p1"]
    assert server.wanted(Contact()) is None
    server.registered(Contact(push=PushTarget("apns", "new", "")))
    assert server.wanted(Contact()) is None
    server.registered(Contact())
    assert server.wanted(Contact()) == TARGET


def test_a_server_that_restarts_forgets() -> None:
    """What the push service then says of an earlier push is of nobody."""
    server, _ = pushes(None)
    server.ask(Contact(), "p1", lambda: None)
    server.forget()
    server.refused("n1")
    assert server.wanted(Contact()) == TARGET


@pytest.mark.parametrize(
    ("contact", "target"),
    [
        (CONTACT, TARGET),
        ("sip:a@h;pn-provider=webpush;pn-prid=x", PushTarget("webpush", "x", "")),
        ("sip:a@h;pn-provider=apns", None),
        ("sip:a@h;pn-provider;pn-prid=x", None),
        ("sip:a@h", None),
        ("tel:1", None),
    ],
)
def test_parameters_of_a_contact(contact: str, target: PushTarget | None) -> None:
    """Both names must be there."""
    assert PushTarget.of(contact) == target
