"""Builds records in which probes are lost, and reads their causes."""

from __future__ import annotations

from dataclasses import replace

from lab.faults.reboot import Reboot
from lab.faults.server_close import ServerClose
from lab.faults.server_mute import ServerMute
from lab.model.endpoint import Endpoint
from lab.model.outcome import Outcome
from lab.model.scenario import Account, Cell, Client
from lab.model.when import When
from lab.record.events import (
    Binding,
    SentinelState,
)
from lab.units import Seconds
from tests.records import (
    BOX,
    CONNECTED,
    END,
    MAPPED,
    SERVER,
    SUBSCRIPTION,
    Line,
    answers_from_now,
    attempt,
    begins,
    changed,
    closed_by_server,
    flow_set_up,
    judged,
    say,
    sentinel,
    server_flow,
)

AT = When(offset=50.0)
MUTE = ServerMute(at=AT, lasts=Seconds(20))
CLOSE = ServerClose(at=AT)
REBOOT = Reboot(at=AT, node=BOX)
SECOND, ITS_PEER = Endpoint("10.0.0.2", 40002), Endpoint("203.0.113.1", 40002)
EXPIRED = changed(SUBSCRIPTION, t=80.0, state="expired", expires=0)
BOUND = say(
    -0.3, SERVER, Binding(id="b1", state="active", expires=60, flow="f1", contact="sip:a@10.0.0.2", aor="sip:a")
)
REBOOTED = begins(REBOOT, Reboot.Proof(node=BOX, lost=3, left=0, address=()))
CLOSED = [*begins(CLOSE, ServerClose.Proof(flow="f1")), closed_by_server()]


def registering(subject: Cell) -> Cell:
    return replace(subject, client=Client(account=Account.REGISTER_AND_SUBSCRIBE))


def outcome(subject: Cell, *lines: Line, met: SentinelState = "delivered") -> Outcome:
    return judged(subject, *flow_set_up(), *sentinel(met), *lines, END)


def told(seen: Outcome) -> tuple[str, float | None]:
    """The kind of the cause, and its time."""
    assert seen.cause is not None, seen.doubt
    return seen.cause.kind.name, seen.cause.at_s


def mute(until: float = 70.0) -> list[Line]:
    return [*begins(MUTE, ServerMute.Proof(answers="mute"), until=until), answers_from_now("mute")]


def without_subscription(t: float = 100.0) -> Line:
    return attempt(t, "failed", flow=None, peer=None, reason="no-subscription")


def second_flow(t: float) -> list[Line]:
    """The client's next connection."""
    made = changed(CONNECTED, t=t, id="tp2", local=SECOND)
    return [
        changed(MAPPED, t=t, id=2, inside=SECOND, outside=ITS_PEER),
        made,
        server_flow(t, "accepted", id="f2", peer=ITS_PEER),
    ]
