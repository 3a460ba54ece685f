"""Messages in Kamailio's log: whose they are, and what becomes of those of connections that are not known yet."""

from __future__ import annotations

import base64
from typing import Any

from lab.record.events import MessageText, ServerFlow, ServerSipMessage
from lab.servers.kamailio import log
from lab.servers.kamailio.config import LINE_BYTES, MESSAGE_BYTES
from lab.servers.kamailio.flows import Flows
from lab.servers.kamailio.messages import Messages

PEER, OWN = "198.51.100.2:40001", "203.0.113.10:5061"
NAME = f"tls:{PEER}/{OWN}"
TEXT = "OPTIONS sip:a SIP/2.0\r\n\r\n"


class Channel:
    """What a server says."""

    def __init__(self) -> None:
        self.said: list[tuple[float, Any]] = []

    def emit(self, event: Any, *, at: float | None = None) -> None:
        if not isinstance(event, ServerFlow):
            self.said.append((at or 0.0, event))


def line(way: str, *, text: str = TEXT, length: int | None = None) -> log.LogLine:
    source, destination = (PEER, OWN) if way == "rcv" else (OWN, PEER)
    coded = base64.b64encode(text.encode()).decode()
    flow = f"tls:{source}/{destination}"
    written = f"@lab message at=1.5 passed={way} flow={flow} bytes={length or len(text)} text={coded}"
    told = log.parse(written.encode())
    assert told is not None
    return told


def made() -> tuple[Channel, Flows, Messages]:
    channel = Channel()
    flows = Flows(channel, lambda _: None)  # type: ignore[arg-type]
    return channel, flows, Messages(channel, flows)  # type: ignore[arg-type]


def test_both_directions_have_the_flow_of_the_peer() -> None:
    channel, flows, messages = made()
    flows.seen(NAME, 1, at=1.0)
    messages.passed(line("rcv"), at=2.0)
    messages.passed(line("snd", length=MESSAGE_BYTES + 1), at=3.0)
    assert channel.said == [
        (2.0, ServerSipMessage(way="received", flow="f1", text=MessageText(TEXT))),
        (3.0, ServerSipMessage(way="sent", flow="f1", text=MessageText(TEXT), cut=True)),
    ]


def test_a_message_waits_for_its_flow() -> None:
    """Kamailio logs what it reads before the request; it is told once, with its own time."""
    channel, flows, messages = made()
    messages.passed(line("rcv"), at=2.0)
    assert channel.said == []
    flows.seen(NAME, 1, at=2.1)
    for at in (2.1, 2.2):
        messages.flow_seen(NAME, at=at)
    assert [(at, message.flow) for at, message in channel.said] == [(2.0, "f1")]


def test_a_message_for_a_connection_that_is_gone_was_not_sent() -> None:
    """Kamailio logs it all the same; a later connection from the same port does not get it, nor after a restart."""
    channel, flows, messages = made()
    flows.seen(NAME, 1, at=1.0)
    flows.ended(NAME, "closed", "fin", at=2.0)
    messages.passed(line("snd"), at=3.0)
    flows.seen(NAME, 2, at=40.0)
    messages.flow_seen(NAME, at=40.0)
    flows.ended(NAME, "closed", "fin", at=50.0)
    messages.passed(line("snd"), at=51.0)
    messages.forget()
    flows.seen(NAME, 3, at=52.0)
    messages.flow_seen(NAME, at=52.0)
    assert channel.said == []


def test_the_longest_line_is_written_at_once() -> None:
    """Base64 makes four characters of three bytes; beside it stand a time, a flow and a length."""
    assert 4 * -(-MESSAGE_BYTES // 3) + 500 < LINE_BYTES
