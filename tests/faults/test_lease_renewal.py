"""A client whose address is leased anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults.lease_renewal import LeaseRenewal
from lab.model.scenario import Transport
from lab.model.when import When
from lab.record.events import ClientAddresses
from lab.runner.testbed import CellTestbed
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    CLIENT,
    END,
    Line,
    begins,
    cell,
    flow_set_up,
    judged,
    of_flow,
    probe,
    say,
    sentinel,
    with_fault,
)

NEW = LeaseRenewal(at=When(offset=50.0), address="10.0.0.7")
AGAIN = LeaseRenewal(at=When(offset=50.0), without=Seconds(5))


def leased(
    fault: LeaseRenewal,
    *,
    to: str = "10.0.0.7",
    since: float = 50.0,
    between: str = "",
    left: tuple[str, ...] = (),
    closed: int = 0,
) -> list[Line]:
    """The fault: when the client had which address."""
    usable = (between,) if between else ()
    return [
        *begins(fault, LeaseRenewal.Proof(left=left), until=since),
        say(50.0, CLIENT, ClientAddresses(usable=usable, source=between, closed=closed)),
        say(since, CLIENT, ClientAddresses(usable=(to,), source=to)),
    ]


def _none(*_: object, **__: object) -> int:
    return 0


CASES = FaultCases(
    infeasible=[
        (
            "the same address again, at once, and nobody notices",
            replace(cell(), faults=(LeaseRenewal(at=When(offset=50.0)),)),
            replace(cell(), faults=(LeaseRenewal(at=When(offset=50.0), told=True),)),
        ),
        (
            "the client is not told",
            replace(cell(), faults=(replace(NEW, told_late_by=Seconds(2)),)),
            replace(cell(), faults=(replace(NEW, told_late_by=Seconds(2), told=True),)),
        ),
        (
            "UDP has no connections",
            replace(cell(), transport=Transport.UDP, faults=(replace(NEW, closes_connections=True),)),
            replace(cell(), faults=(replace(NEW, closes_connections=True),)),
        ),
        (
            "another fault of that kind is at work from 50 s on",
            replace(cell(), faults=(AGAIN, replace(NEW, at=When(offset=54.0)))),
            replace(cell(), faults=(AGAIN, replace(NEW, at=When(offset=55.0)))),
        ),
    ],
    proved=[(NEW, leased(NEW), "lease-renewed")],
    meets={"lease-renewed": "silent"},
    unproved=[
        (NEW, leased(NEW, left=("10.0.0.2/24",)), "it still has 10.0.0.2/24"),
        (NEW, leased(NEW, to="10.0.0.2"), "its packets leave from 10.0.0.2"),
        (NEW, leased(NEW, to=""), "its packets leave from nowhere"),
        (NEW, leased(NEW, between="10.0.0.2"), "it was never without its address"),
        (replace(NEW, closes_connections=True), leased(NEW), "no connection was closed"),
        (replace(NEW, told=True), leased(NEW), "the client took no note of what it was told"),
    ],
    costs={
        "leased": ("lease-renewal: { at: 2 s, address: 10.0.0.7 }", "lease-renewed"),
        "leased-udp": ("lease-renewal: { at: 2 s, address: 10.0.0.7 }", "lease-renewed"),
        "leased-and-closed": ("lease-renewal: { at: 2 s, closes-connections: true }", "lease-renewed"),
        "leased-too-late": ("lease-renewal: { at: 2 s, without: 9 s }", "lease-renewed"),
    },
    no_effect={
        "lease": NoEffect("lease-renewal: { at: 2 s, address: 10.0.0.7 }", "move", "it was never without its address"),
        "lease-same": NoEffect("lease-renewal: { at: 2 s, without: 1 s }", "move", "it was never without its address"),
        "lease-closes": NoEffect(
            "lease-renewal: { at: 2 s, closes-connections: true }", "reclaim", "no connection was closed"
        ),
        "lease-told": NoEffect(
            "lease-renewal: { at: 2 s, told: true, told-late-by: 1 s }", "telling", "the client took no note"
        ),
    },
    acts={
        "telling": (CellTestbed, "send_ip_changed", _none),
    },
    written="lease-renewal: { at: 8 s, address: 10.0.0.9, without: 1 s, told: true, told-late-by: 700 ms,"
    " closes-connections: true }",
    liveness={
        "lease-renewal.at": ("at: 8 s, address", "at: 9 s, address"),
        "lease-renewal.address": ("address: 10.0.0.9", "address: 10.0.0.10"),
        "lease-renewal.without": ("without: 1 s", "without: 2 s"),
        "lease-renewal.told": ("told: true, told-late-by: 700 ms, closes", "closes"),
        "lease-renewal.told-late-by": ("told-late-by: 700 ms", "told-late-by: 800 ms"),
        "lease-renewal.closes-connections": (
            "told-late-by: 700 ms, closes-connections: true",
            "told-late-by: 700 ms",
        ),
    },
)


def cause_of(fault: LeaseRenewal, *lines: Line, met: str = "delivered", at: float = 100.0) -> str:
    """The cause of a lost probe, or the doubt."""
    story = [*flow_set_up(), *sentinel(met), *lines, *probe(1, at, answered=False), END]  # type: ignore[arg-type]
    subject = with_fault(fault)
    again = replace(subject, probes=(replace(subject.probes[0], at=Seconds(at)),))
    outcome = judged(again, *story)
    return outcome.doubt if outcome.cause is None else outcome.cause.kind.name


def test_without_an_address_for_a_while() -> None:
    """Who calls then is not heard; afterwards the flow is as it was, unless it lost something."""
    lines = leased(AGAIN, to="10.0.0.2", since=55.0)
    assert cause_of(AGAIN, *lines, at=52.0) == "lease-renewed"
    assert cause_of(AGAIN, *lines) == "unknown"
    assert cause_of(AGAIN, *lines, of_flow(53.0, "lan", "server", seq=5)) == "lease-renewed"


@pytest.mark.parametrize("closed", [0, 1])
def test_the_same_address_at_once(closed: int) -> None:
    """It harms a connection only if the system closes it."""
    fault = LeaseRenewal(
        at=When(offset=50.0), told=not closed, told_late_by=Seconds(0), closes_connections=bool(closed)
    )
    quiet = replace(fault, told=False, without=Seconds(0)) if closed else replace(fault, told=False)
    lines = leased(quiet, to="10.0.0.2", closed=closed)
    assert cause_of(quiet, *lines) == ("lease-renewed" if closed else "unknown")
