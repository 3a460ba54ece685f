"""What is followed in a record while it grows: the current flow, and the sequence numbers on its way."""

from __future__ import annotations

import msgspec
import pytest

from lab.model.endpoint import Endpoint
from lab.record.entry import TimedEvent
from lab.record.events import Binding, ServerSubscription
from lab.record.flows import Flows
from lab.runner.sequence_numbers import SequenceNumbers
from tests.records import CLIENT, INSIDE, MAPPED, OUTSIDE, REMOTE, changed, flow_set_up, packet


def test_flows() -> None:
    """The current flow is the newest subscription's; its way is followed through the middlebox."""
    flows = Flows()
    assert flows.current() is None
    assert flows.granted_until() is None
    for entry in flow_set_up():
        flows.see(entry.t, entry.event)
    flow = flows.current()
    assert flow is not None
    assert (flow.id, flow.proto, flow.own, flow.endpoints, flow.inside) == (
        "f1",
        "tcp",
        REMOTE,
        (OUTSIDE, INSIDE),
        INSIDE,
    )
    assert flows.granted_until() == pytest.approx(599.8)
    assert flows.current(-0.3) is None
    elsewhere = changed(MAPPED, t=5.0, outside=Endpoint("203.0.113.1", 7))
    flows.see(elsewhere.t, elsewhere.event)
    assert flows.translations(INSIDE) == (INSIDE, Endpoint("203.0.113.1", 7))
    assert flows.translations(INSIDE, 4.9) == (INSIDE, OUTSIDE)


def test_flow_of_a_registered_phone() -> None:
    """Where nobody subscribes the current flow is the newest binding's; a subscription's comes first."""
    flows = Flows()
    opened = [entry for entry in flow_set_up() if not isinstance(entry.event, ServerSubscription)]
    for entry in opened:
        flows.see(entry.t, entry.event)
    assert flows.current() is None
    contact = "sip:alice@10.0.0.2:40001"
    bound = Binding(id="b1", state="active", expires=300, flow="f1", contact=contact, aor="sip:alice@203.0.113.10")
    flows.see(1.0, bound)
    assert flows.current(0.9) is None
    assert flows.current() == flows.bound() == flows.get("f1")
    assert flows.granted_until() == 301.0
    flows.see(2.0, msgspec.structs.replace(bound, state="expired", expires=0))
    assert flows.granted_until() == 301.0
    flows.see(3.0, ServerSubscription(id="s1", state="active", expires=600, flow="f2", contact=contact))
    assert flows.current() is None  # nothing is known of f2
    assert flows.bound() == flows.get("f1")
    assert flows.granted_until() == 603.0


def test_sequence_numbers() -> None:
    """SYN and FIN count one each, RST says nothing, what is sent again changes nothing; they wrap around."""
    numbers = SequenceNumbers()

    def see(flags: str, seq: int, payload: int = 0) -> int | None:
        entry = packet(1.0, "lan", CLIENT, INSIDE, REMOTE, flags=flags, seq=seq, payload=payload)
        numbers.see(TimedEvent(1.0, CLIENT, entry.event))
        return numbers.next("lan", INSIDE, REMOTE)

    assert numbers.next("lan", INSIDE, REMOTE) is None
    assert see("S", 100) == 101
    assert see("PA", 101, 50) == 151
    assert see("PA", 101, 50) == 151
    assert see("R", 7) == 151
    assert see("PA", 2**32 - 10, 5) == 151  # older
    assert see("FA", 151) == 152
    assert see("S", 2**32 - 1) == 0
    assert numbers.next("core", INSIDE, REMOTE) is None
