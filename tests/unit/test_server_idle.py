"""The idle timeout of a server: where it can be had, and when it is the cause of a lost probe."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabFault
from lab.loader.load import load
from lab.loader.unsupported import why_unsupported
from lab.model.endpoint import Endpoint
from lab.model.idle_timeout import ConnectionEnd, IdleTimeout
from lab.model.scenario import Cell, Server, Transport
from lab.model.verdict import SERVER_IDLE_TIMEOUT
from lab.record.events import IDLE_TIMEOUT, ServerFlow
from lab.servers.kamailio.flows import Flows
from lab.servers.kamailio.idle_watch import IdleWatch
from lab.units import Seconds
from tests.records import (
    END,
    OUTSIDE,
    REMOTE,
    SERVER,
    Line,
    cell,
    flow_set_up,
    forgot,
    judged,
    packet,
    probe,
    sentinel,
    server_flow,
    transport_over,
)

ROOT = Path(__file__).parents[2]
IDLE = IdleTimeout(after=Seconds(30))


def with_idle(timeout: IdleTimeout | None = IDLE, **changes: Any) -> Cell:
    return replace(cell(), server=Server(idle_timeout=timeout, **changes))


def fin(t: float, *, by_server: bool) -> Line:
    ends = (REMOTE, OUTSIDE) if by_server else (OUTSIDE, REMOTE)
    return packet(t, "core", SERVER if by_server else "home-nat", *ends, payload=0, flags="FA")


def told(t: float = 30.0) -> Line:
    return server_flow(t, "closed", IDLE_TIMEOUT)


def cause(*entries: Line, subject: Cell | None = None) -> tuple[str, float | None, str]:
    """The cause of the lost NOTIFY at 100 s: its kind, its moment, its words."""
    lines = [*flow_set_up(), *sentinel("delivered"), *entries, *probe(1, 100, answered=False), END]
    found = judged(subject or with_idle(), *lines).cause
    assert found is not None
    return found.kind.name, found.at_s, found.text


def test_the_server_says_so() -> None:
    """The client's end of the connection is a consequence, and later."""
    words = "server closed the connection after 30 s without traffic at 30.0 s"
    follows = transport_over(30.01, "End of file (PJ_EEOF)", state="disconnected")
    assert cause(told(), follows) == (SERVER_IDLE_TIMEOUT.name, 30.0, words)


def test_the_fin_has_the_moment() -> None:
    """Kamailio is asked later than it has closed."""
    follows = transport_over(36.01, "End of file (PJ_EEOF)", state="disconnected")
    assert cause(fin(36.0, by_server=True), follows, told(37.0))[:2] == (SERVER_IDLE_TIMEOUT.name, 36.0)


def test_who_closed_first() -> None:
    """A connection that the client has closed is not ended by the server, whatever it says."""
    assert cause(fin(33.0, by_server=False), told(36.0))[0] == "unknown"
    assert cause(fin(36.1, by_server=False), told(36.0))[:2] == (SERVER_IDLE_TIMEOUT.name, 36.0)


def test_something_older_is_the_cause() -> None:
    """The middlebox had forgotten the flow when the server ended it."""
    assert cause(forgot(20.0), told())[0] == "middlebox-forgot-flow"


@pytest.mark.parametrize(
    ("entries", "subject"),
    [
        ([told(106.0)], None),  # after the probe was given up
        ([server_flow(30.0, "closed", "fin")], None),
        ([server_flow(30.0, "closed", IDLE_TIMEOUT, id="f2")], None),
        ([told()], with_idle(None)),
    ],
    ids=["later", "for-another-reason", "another-flow", "no-timeout"],
)
def test_not_the_cause(entries: list[Line], subject: Cell | None) -> None:
    assert cause(*entries, subject=subject)[0] == "unknown"


@pytest.mark.parametrize(
    ("timeout", "transport", "software", "why"),
    [
        (IDLE, Transport.TCP, "scripted", ""),
        (IDLE, Transport.TLS, "kamailio", ""),
        (None, Transport.UDP, "scripted", ""),
        (IDLE, Transport.UDP, "scripted", "UDP has none"),
        (IDLE, Transport.UDP, "kamailio", "UDP has none"),
        (replace(IDLE, ends_with=ConnectionEnd.RST), Transport.TCP, "scripted", ""),
        (replace(IDLE, ends_with=ConnectionEnd.RST), Transport.TCP, "kamailio", "with FIN"),
        (replace(IDLE, crlf_counts=False), Transport.TLS, "scripted", ""),
        (replace(IDLE, crlf_counts=False), Transport.TLS, "kamailio", "counts every byte"),
    ],
)
def test_where_it_can_be_had(timeout: IdleTimeout | None, transport: Transport, software: str, why: str) -> None:
    (subject, *_) = load(ROOT / "scenarios" / "article" / "idle-subscription.yaml").cells
    subject = replace(subject, transport=transport, server=Server(software=software, idle_timeout=timeout), claim=None)
    found = why_unsupported(subject)
    assert why in found
    assert bool(found) is bool(why)


class Channel:
    """Takes what the server says."""

    def __init__(self) -> None:
        self.ends: list[tuple[str, str]] = []

    def emit(self, event: Any, *, at: float | None = None) -> None:  # noqa: ARG002  (the channel's signature)
        if isinstance(event, ServerFlow) and event.state == "closed":
            self.ends.append((event.id, event.reason))


def test_kamailio_is_asked_when_a_connection_may_be_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how long a connection has left; one that is not in its list has ended. No answer means nothing."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    answers: list[Any] = [[{"id": 7, "timeout": 12}], LabFault("asking"), [{"id": 7, "timeout": 2**28 - 3}], []]

    async def ask(method: str) -> Any:
        assert method == "core.tcp_list"
        answer = answers.pop(0)
        if isinstance(answer, LabFault):
            raise answer
        return answer

    channel = Channel()
    flows = Flows(channel, lambda _: None)  # type: ignore[arg-type]
    flow = flows.seen(f"tcp:{OUTSIDE}/{REMOTE}", 7, at=0.0)
    other = flows.seen(f"tcp:{Endpoint('203.0.113.1', 40002)}/{REMOTE}", 8, at=0.0)
    monkeypatch.setattr(asyncio, "sleep", wait)
    asyncio.run(IdleWatch(30.0, flows, ask).watch(flow))
    assert waits == [31.0, 13.0, 1.0, 1.0]
    assert channel.ends == [(flow.id, IDLE_TIMEOUT)]
    assert flows.get(other.id) is other


def test_a_flow_that_has_ended_is_watched_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    async def wait(_: float) -> None:
        flows.ended(flow.name, "closed", "fin", at=None)

    async def ask(_: str) -> Any:
        pytest.fail("asked")

    channel = Channel()
    flows = Flows(channel, lambda _: None)  # type: ignore[arg-type]
    flow = flows.seen(f"tcp:{OUTSIDE}/{REMOTE}", 7, at=0.0)
    monkeypatch.setattr(asyncio, "sleep", wait)
    asyncio.run(IdleWatch(30.0, flows, ask).watch(flow))
    assert channel.ends == [(flow.id, "fin")]
