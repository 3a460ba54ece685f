"""What the record says of connections, from what pjsip says of them."""

from __future__ import annotations

import pytest

from lab.actors.pjsip.library import Transport
from lab.actors.pjsip.transports import Transports
from lab.mitigations.base import TransportState
from lab.model.endpoint import Endpoint
from lab.record.events import ClientEvent, ClientTransport, TransportReference, Unanswered

CONNECTED, DISCONNECTED = TransportState.CONNECTED, TransportState.DISCONNECTED
SHUTDOWN, DESTROYED = TransportState.SHUTDOWN, TransportState.DESTROYED
FIRST, SECOND = 0x1000, 0x2000
REMOTE = Endpoint("203.0.113.10", 5061)
SAID_BY_PJSIP = "        sip_transport.c  Transport tlsc0x1000 is being destroyed due to timeout in idle timer\n"


class Pjsip:
    """Plays pjsip; ``said`` is (id, state, reason) of each event."""

    def __init__(self) -> None:
        self.events: list[ClientEvent] = []
        self.transports = Transports(self.events.append, self.read)

    def read(self, handle: int) -> Transport:
        return Transport(f"tlsc0x{handle:x}", outgoing=True, local=Endpoint("10.0.0.2", handle), remote=REMOTE)

    def state(self, handle: int, state: TransportState, error: str = "") -> None:
        self.transports.on_state(handle, state, type="tls", error=error)

    @property
    def said(self) -> list[tuple[str, str, str]]:
        return [(event.id, event.state, event.reason) for event in self.events if isinstance(event, ClientTransport)]


@pytest.fixture
def pjsip() -> Pjsip:
    return Pjsip()


def test_an_end_by_the_idle_timer(pjsip: Pjsip) -> None:
    """Destroyed is all that pjsip reports; the reason is read from its log."""
    pjsip.state(FIRST, CONNECTED)
    pjsip.transports.on_log(SAID_BY_PJSIP)
    pjsip.state(FIRST, DESTROYED)
    assert pjsip.said == [("tp1", "connected", ""), ("tp1", "destroyed", "idle-timer")]
    assert pjsip.events[0] == ClientTransport(
        id="tp1", state="connected", type="tls", local=Endpoint("10.0.0.2", 4096), remote=REMOTE, reason=""
    )


def test_an_end_by_the_other_side_is_not_the_idle_timers(pjsip: Pjsip) -> None:
    """pjsip destroys what was shut down through the same timer, at once, and logs the same line."""
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(FIRST, DISCONNECTED, "Connection reset by peer")
    pjsip.state(FIRST, SHUTDOWN)
    pjsip.transports.on_log(SAID_BY_PJSIP)
    pjsip.state(FIRST, DESTROYED)
    assert {reason for _, state, reason in pjsip.said if state != "connected"} == {"Connection reset by peer"}


def test_the_idle_timer_of_another_transport(pjsip: Pjsip) -> None:
    """The line names its transport; the others keep their own reasons."""
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(SECOND, CONNECTED)
    pjsip.transports.on_log(SAID_BY_PJSIP)
    pjsip.state(SECOND, DESTROYED)
    assert pjsip.said[-1] == ("tp2", "destroyed", "")


def test_a_handle_used_again_is_another_transport(pjsip: Pjsip) -> None:
    """Memory is used again; what was said of the last transport there is forgotten."""
    pjsip.state(FIRST, CONNECTED)
    pjsip.transports.on_log(SAID_BY_PJSIP)
    pjsip.state(FIRST, DESTROYED)
    pjsip.state(FIRST, CONNECTED)
    assert pjsip.said[-1] == ("tp2", "connected", "")


def test_the_first_error_is_the_reason(pjsip: Pjsip) -> None:
    """Later errors are its consequences."""
    pjsip.state(FIRST, DISCONNECTED, "Connection refused")
    pjsip.state(FIRST, DESTROYED, "Something else")
    assert pjsip.said == [("tp1", "disconnected", "Connection refused"), ("tp1", "destroyed", "Connection refused")]


def test_watchers_hear_of_it_after_the_record(pjsip: Pjsip) -> None:
    """So a reference they take stands after the connection in the record; at the end there is none to name any more."""
    pjsip.transports.watch(
        lambda handle, state: None if state is DESTROYED else pjsip.transports.on_ref(handle, held=True)
    )
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(FIRST, DESTROYED)
    assert [type(event) for event in pjsip.events] == [ClientTransport, TransportReference, ClientTransport]
    assert pjsip.events[1] == TransportReference(id="tp1", held=True)


def test_a_transport_given_up(pjsip: Pjsip) -> None:
    """Once, and only while it lives; the reason goes with it to its end."""
    pjsip.state(FIRST, CONNECTED)
    assert pjsip.transports.give_up(FIRST, after=10)
    assert pjsip.events[-1] == Unanswered(id="tp1", patience=10.0)
    pjsip.state(FIRST, SHUTDOWN)
    assert not pjsip.transports.give_up(FIRST, after=10)
    pjsip.transports.on_log(SAID_BY_PJSIP)
    pjsip.state(FIRST, DESTROYED)
    assert not pjsip.transports.give_up(FIRST, after=10)
    assert len(pjsip.events) == 4
    assert pjsip.said[1:] == [("tp1", state, "given up: no answer within 10 s") for state in ("shutdown", "destroyed")]


def test_ends_where_the_log_is_silent() -> None:
    """Of 2.10, an end that nothing announced is the idle timer's; one that was announced, or failed, is not."""
    pjsip = Pjsip()
    pjsip.transports = Transports(pjsip.events.append, pjsip.read, logs_idle_end=False)
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(FIRST, DESTROYED)
    for announced in (DISCONNECTED, SHUTDOWN):
        pjsip.state(FIRST, CONNECTED)
        pjsip.state(FIRST, announced)
        pjsip.state(FIRST, DESTROYED)
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(FIRST, DESTROYED, "connection reset")
    reasons = [reason for _, state, reason in pjsip.said if state == "destroyed"]
    assert reasons == ["idle-timer", "", "", "connection reset"]


def test_an_unannounced_end_needs_the_log(pjsip: Pjsip) -> None:
    """Of 2.15.1, whose log tells, nothing is inferred."""
    pjsip.state(FIRST, CONNECTED)
    pjsip.state(FIRST, DESTROYED)
    assert pjsip.said[-1] == ("tp1", "destroyed", "")
