"""Which flow a client uses, by what its server says."""

from __future__ import annotations

from lab.model.endpoint import Endpoint
from lab.record.events import Event, FlowState, Held, Ignored, Request, ServerFlow
from lab.record.flows import Flows

OWN = Endpoint("203.0.113.10", 5060)


def flow(number: int, state: FlowState = "accepted") -> ServerFlow:
    return ServerFlow(
        id=f"f{number}", state=state, transport="tcp", peer=Endpoint("198.51.100.2", number), own=OWN, reason=""
    )


def request(number: int, method: str) -> Request:
    return Request(method=method, flow=f"f{number}", peer=OWN, call_id="c", cseq=1, via=None, contact=None)


def in_use(*events: Event) -> str | None:
    flows = Flows()
    for t, event in enumerate(events):
        flows.see(t, event)
    found = flows.in_use()
    return None if found is None else found.id


def test_the_last_request_of_the_account_decides() -> None:
    """Not the newest subscription, nor the newest connection, nor a ping."""
    two = (flow(1), request(1, "SUBSCRIBE"), flow(2), request(2, "REGISTER"))
    assert in_use(*two) == "f2"
    assert in_use(*two, request(1, "OPTIONS"), flow(3), request(3, "OPTIONS")) == "f2"
    assert in_use(*two, request(1, "REGISTER")) == "f1"


def test_one_that_has_ended_is_none() -> None:
    """Then it is the one before, or none."""
    two = (flow(1), request(1, "SUBSCRIBE"), flow(2), request(2, "REGISTER"))
    assert in_use(*two, flow(2, "reset")) == "f1"
    assert in_use(*two, flow(2, "closed"), flow(1, "closed")) is None
    assert in_use(flow(1)) is None


def test_without_the_account_any_request_counts() -> None:
    """A client whose subscription died with its flow, and which goes on pinging over another."""
    lost = (flow(1), request(1, "SUBSCRIBE"), flow(1, "closed"))
    assert in_use(*lost, flow(2), request(2, "OPTIONS")) == "f2"


def test_what_a_mute_server_reads_counts() -> None:
    """The client uses that flow, whether it is answered or not."""
    one = (flow(1), request(1, "SUBSCRIBE"), flow(2))
    assert in_use(*one, Ignored(what="REGISTER", flow="f2")) == "f2"
    assert in_use(*one, Held(what="REGISTER", flow="f2")) == "f2"
    assert in_use(*one, Ignored(what="crlf-ping", flow="f2")) == "f1"
