"""Which mappings of a table are a flow's."""

from __future__ import annotations

import dataclasses

from lab.faults._tables import mappings_of
from lab.model.endpoint import Endpoint
from lab.network.conntrack import Mapping
from lab.record.flows import Flow
from tests.records import INSIDE, OUTSIDE, REMOTE

FLOW = Flow(id="f1", proto="tcp", own=REMOTE, peer=OUTSIDE, hops=(INSIDE,))
OWN = Mapping(
    answered=True,
    proto="tcp",
    inside=INSIDE,
    outside=OUTSIDE,
    remote=REMOTE,
    opened=(INSIDE, REMOTE),
    number=1,
    tcp_state="ESTABLISHED",
    remaining=100,
    started=0,
    stopped=0,
)


def test_the_one_that_the_server_knows() -> None:
    """Its inside and outside are the flow's; another flow's, or another protocol's, is not."""
    stranger = dataclasses.replace(OWN, inside=Endpoint("10.0.0.3", 40001), outside=Endpoint("198.51.100.2", 9))
    assert mappings_of([OWN, stranger, dataclasses.replace(OWN, proto="udp")], FLOW) == [OWN]
    assert mappings_of([OWN], None) == []


def test_one_on_another_port() -> None:
    """What the client sends to the server goes that way, though the server does not know it as the flow."""
    remapped = dataclasses.replace(OWN, outside=Endpoint(OUTSIDE.host, 40002))
    elsewhere = dataclasses.replace(remapped, remote=Endpoint("203.0.113.99", 5061))
    assert mappings_of([remapped, elsewhere], FLOW) == [remapped]
