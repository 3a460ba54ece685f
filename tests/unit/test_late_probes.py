"""A server that stood still: what it sends or reads after its time does not count."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any, cast

import pytest

from lab.actors.channel import Channel, Messages
from lab.record.events import Probe
from lab.servers.kamailio.log import LogLine
from lab.servers.kamailio.sent_request import SentRequest
from lab.servers.probe_report import came_too_late
from lab.servers.scripted.client_transactions import ClientTransaction, ClientTransactions
from lab.servers.scripted.flows import Flow
from lab.sip.message import Request, Response

KEY = ("z9hG4bK1", "OPTIONS")


def said_of(command: dict[str, Any]) -> tuple[bool, list[tuple[float, Any]]]:
    """Whether it came too late, and what was said."""
    ours, theirs = socket.socketpair()
    with ours:
        late = came_too_late(command, Channel(theirs))
        theirs.close()
        return late, [(at, event) for at, event in Messages().feed(ours.recv(65536))]


@pytest.mark.parametrize("kind", ["notify", "invite"])
def test_a_command_that_was_read_late(kind: str) -> None:
    """The probe has failed at its own time; one that is on time, and any other command, is obeyed."""
    due = round(time.monotonic() - 100, 6)
    late, ((at, event),) = said_of({"do": kind, "probe": "p1", "within": 5.0, "due": due})
    assert late
    assert at == due
    assert isinstance(event, Probe)
    assert (event.probe, event.kind, event.state, event.reason) == ("p1", kind, "failed", "server-frozen")
    assert said_of({"do": kind, "probe": "p1", "within": 5.0, "due": time.monotonic()}) == (False, [])
    assert said_of({"do": "close", "flow": None}) == (False, [])


class _Asker:
    def __init__(self) -> None:
        self.told: list[object] = []

    def sent(self, flow: Flow) -> None:
        pass

    def answered(self, flow: Flow, response: Response, *, in_time: bool) -> None:  # noqa: ARG002  (see `Asker`)
        self.told.append(in_time)

    def failed(self, flow: Flow | None, reason: str) -> None:  # noqa: ARG002
        self.told.append(reason)


class _Idle:
    """A flow that is not ready, so nothing is sent on it."""

    ready = False


@pytest.mark.parametrize(("within", "told"), [(0.0, ["timeout", False]), (60.0, [True])])
def test_an_answer_that_was_read_late(within: float, told: list[object]) -> None:
    """Its time had passed when it was read, though nobody had looked at the clock before."""
    with contextlib.closing(asyncio.new_event_loop()) as loop:
        exchanges, asker = ClientTransactions(loop), _Asker()
        request = Request(
            method="OPTIONS", uri="sip:alice", headers=(("Via", f"SIP/2.0/UDP h;branch={KEY[0]}"),), body=b""
        )
        flow = cast("Flow", _Idle())
        exchanges.begin(ClientTransaction(request, KEY, asker), flow, within)
        headers = (("Via", f"SIP/2.0/UDP h;branch={KEY[0]}"), ("CSeq", "1 OPTIONS"))
        assert exchanges.response(flow, Response(code=200, reason="OK", headers=headers, body=b""))
        assert asker.told == told


@pytest.mark.parametrize(("after", "told"), [(0.5, ["answered"]), (1.5, ["timeout"])])
def test_an_answer_that_kamailio_read_late(after: float, told: list[str]) -> None:
    """Its log says when that was."""
    assert asyncio.run(_kamailio(answered=after)) == told


@pytest.mark.parametrize(("after", "told"), [(0.5, ["sent"]), (100.0, ["server-frozen"])])
def test_a_request_that_kamailio_sent_late(after: float, told: list[str]) -> None:
    """It is not the probe of its time."""
    assert asyncio.run(_kamailio(sent=after)) == told


class _Origin:
    by_flow = False
    connects = True


async def _kamailio(*, sent: float | None = None, answered: float | None = None) -> list[str]:
    """What is said of a request that is sent, or answered, that long after it was asked for; it has 1 s."""
    told: list[str] = []
    request = SentRequest(
        cast("Any", _Origin()), "c", "OPTIONS", cast("Any", None), 1.0,
        on_sent=lambda _flow, _at: told.append("sent"),
        on_answered=lambda _flow, _reply, _at: told.append("answered"),
        on_failed=lambda _flow, reason, _lost: told.append(reason),
    )  # fmt: skip
    now = asyncio.get_running_loop().time()
    if sent is not None:
        request.sending(1, "no URI", at=now + sent)
    if answered is not None:
        assert request.answered(cast("Any", None), cast("LogLine", None), at=now + answered) is (told == ["answered"])
    return told
