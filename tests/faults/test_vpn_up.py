"""A VPN that comes up."""

from __future__ import annotations

from dataclasses import replace

from lab.faults import vpn_up
from lab.faults.client_move import ClientMove
from lab.faults.vpn_up import OldFlows, VpnUp
from lab.loader.load import load
from lab.model.scenario import Transport
from lab.model.when import When
from lab.record.events import ClientAddresses
from lab.units import Seconds
from tests.e2e.lab_command import ROOT
from tests.fault_cases import FaultCases, NoEffect
from tests.records import CLIENT, END, Line, begins, cell, flow_set_up, judged, probe, say, sentinel, with_fault

UP = VpnUp(at=When(offset=50.0))
STAY, CLOSED = (replace(UP, old_flows=fate) for fate in (OldFlows.STAY, OldFlows.CLOSED))
HOME, TUNNEL = "10.0.0.2", "10.8.0.2"
TWO_WAYS = replace(cell(), topology=load(ROOT / "tests" / "docker" / "move.yaml").cells[0].topology)


def comes_up(
    fault: VpnUp = UP,
    *,
    source: str = TUNNEL,
    mtu: int = 1420,
    kept: bool = False,
    down: float = 110.0,
    closed: int = 0,
) -> list[Line]:
    """The fault, until the VPN goes down."""
    proof = VpnUp.Proof(address=f"{TUNNEL}/24", source=source, mtu=mtu, kept=kept)
    usable = (HOME, TUNNEL) if kept else (TUNNEL,)
    return [
        *begins(fault, proof, until=down),
        say(50.0, CLIENT, ClientAddresses(usable=usable, source=source, closed=closed)),
        say(down, CLIENT, ClientAddresses(usable=(HOME,), source=HOME)),
    ]


def _as_before(*_: object, **__: object) -> int:
    return 1500


CASES = FaultCases(
    infeasible=[
        (
            "as large as that of any link, so that it makes no packet smaller",
            replace(TWO_WAYS, faults=(replace(UP, mtu=1500),)),
            replace(TWO_WAYS, faults=(replace(UP, mtu=1499),)),
        ),
        (
            "the client has left its first network for good",
            replace(TWO_WAYS, faults=(ClientMove(at=When(offset=9.0)), UP)),
            replace(TWO_WAYS, faults=(UP,)),
        ),
        (
            "the client is not told",
            replace(TWO_WAYS, faults=(replace(UP, told_late_by=Seconds(2)),)),
            replace(TWO_WAYS, faults=(replace(UP, told_late_by=Seconds(2), told=True),)),
        ),
        (
            "UDP has no connections",
            replace(TWO_WAYS, transport=Transport.UDP, faults=(CLOSED,)),
            replace(TWO_WAYS, faults=(CLOSED,)),
        ),
    ],
    proved=[(UP, comes_up(), "vpn-came-up")],
    meets={"vpn-came-up": "silent"},
    unproved=[
        (UP, comes_up(source=HOME), "its packets leave from 10.0.0.2"),
        (UP, comes_up(mtu=1500), "the tunnel takes packets of 1500 bytes"),
        (UP, comes_up(kept=True), "the client's old address stayed"),
        (STAY, comes_up(STAY), "the client's old address did not stay"),
        (UP, comes_up()[:3], "it did not go down"),
        (CLOSED, comes_up(CLOSED), "no connection was closed"),
        (replace(UP, told=True), comes_up(replace(UP, told=True)), "the client took no note of what it was told"),
    ],
    topology="wifi-and-cellular",
    costs={
        "vpn": ("vpn-up: { at: 2 s }", "vpn-came-up"),
        "vpn-closes": ("vpn-up: { at: 2 s, old-flows: closed }", "vpn-came-up"),
    },
    no_effect={
        "vpn": NoEffect("vpn-up: { at: 2 s }", "move", "its packets leave from 10.0.0.2"),
        "vpn-mtu": NoEffect("vpn-up: { at: 2 s, old-flows: stay }", "mtu", "the tunnel takes packets of 1500 bytes"),
    },
    acts={"mtu": (vpn_up, "set_mtu", _as_before)},
    written="vpn-up: { at: 12500 ms, mtu: 1280, old-flows: closed, lasts: 5200 ms, told: true, told-late-by: 600 ms }",
    liveness={
        "vpn-up.at": ("at: 12500 ms, mtu", "at: 13 s, mtu"),
        "vpn-up.mtu": ("mtu: 1280", "mtu: 1281"),
        "vpn-up.old-flows": ("old-flows: closed", "old-flows: stay"),
        "vpn-up.lasts": ("old-flows: closed, lasts: 5200 ms", "old-flows: closed, lasts: 5300 ms"),
        "vpn-up.told": (", told: true, told-late-by: 600 ms }", " }"),
        "vpn-up.told-late-by": ("told-late-by: 600 ms", "told-late-by: 650 ms"),
    },
)


def cause_of(fault: VpnUp, *lines: Line, met: str = "silent") -> str:
    """The cause of a lost probe, or the doubt."""
    story = [*flow_set_up(), *sentinel(met), *lines, *probe(1, 100, answered=False), END]  # type: ignore[arg-type]
    outcome = judged(with_fault(fault), *story)
    return outcome.doubt if outcome.cause is None else outcome.cause.kind.name


def test_old_flows_that_stay() -> None:
    """A VPN that leaves them alone is no reason, and the sentinel's flows pass."""
    assert cause_of(STAY, *comes_up(STAY, kept=True), met="delivered") == "unknown"
    assert cause_of(STAY, *comes_up(STAY, kept=True)).startswith("sentinel: ")


def test_after_it_went_down() -> None:
    """The old flow has its way again; a connection that was closed is gone."""
    short, closing = (replace(one, lasts=Seconds(10)) for one in (UP, CLOSED))
    assert cause_of(short, *comes_up(short, down=60.0), met="delivered") == "unknown"
    assert cause_of(closing, *comes_up(closing, down=60.0, closed=1), met="delivered") == "vpn-came-up"
