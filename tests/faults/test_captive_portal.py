"""A network that asks for a login first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.faults import captive_portal
from lab.faults.captive_portal import CaptivePortal, PortalTls
from lab.model.scenario import Transport
from lab.model.topology import Link, Node, Role
from lab.model.when import When
from lab.network import captive_portal as portals
from lab.network.captive_portal import Portal
from lab.network.drop_rules import DropRules
from lab.record.events import Packet
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    BOX,
    END,
    Line,
    begins,
    cell,
    changed,
    flow_set_up,
    judged,
    of_flow,
    probe,
    sentinel,
    with_fault,
)

PORTAL = CaptivePortal(at=When(offset=50.0), link="lan")
WRONG = replace(PORTAL, tls=PortalTls.WRONG_CERTIFICATE)
ARRIVED = of_flow(100.1, "core", "server")


def stands(*, rules: int = 2, redirects: bool = True, met: str = "", until: float = 110.0) -> list[Line]:
    """The fault."""
    proof = CaptivePortal.Proof(rules=rules, redirects=redirects, met=met)
    return begins(PORTAL, proof, until=until)


async def _catches_nothing(*_: object, **__: object) -> Portal:
    return Portal(DropRules(2, "ip nothing", ()), False, "", ())


async def _shows_nothing(*args: object, **options: object) -> Portal:
    options["certificate"] = None
    return await _open_portal(*args, **options)  # type: ignore[arg-type]  # passed on as they come


_open_portal = portals.open_portal

HOME = cell()
DIRECT = replace(
    HOME,
    topology=replace(
        HOME.topology,
        nodes=tuple(
            Node(name=node.name, role=Role.PROXY) if node.role is Role.MIDDLEBOX else node
            for node in HOME.topology.nodes
        ),
    ),
)

CASES = FaultCases(
    infeasible=[
        (
            "no link of the client's",
            replace(HOME, faults=(replace(PORTAL, link="core"),)),
            replace(HOME, faults=(PORTAL,)),
        ),
        (
            "only TLS has certificates",
            replace(HOME, transport=Transport.TCP, faults=(WRONG,)),
            replace(HOME, faults=(WRONG,)),
        ),
        (
            f"`{BOX}` forwards nothing",
            replace(DIRECT, faults=(PORTAL,)),
            replace(HOME, faults=(PORTAL,)),
        ),
    ],
    proved=[(PORTAL, [*stands(), ARRIVED], "captive-portal")],
    meets={"captive-portal": "silent"},
    unproved=[
        (PORTAL, stands(rules=1), "1 rules in place instead of 2"),
        (PORTAL, stands(redirects=False), "new connections are not redirected to the portal"),
        (WRONG, stands(), "who connects meets no certificate"),
        (WRONG, stands(met="valid"), "who connects meets valid"),
    ],
    costs={
        "portal": ("captive-portal: { at: 2 s, link: lan }", "captive-portal"),
        "portal-udp": ("captive-portal: { at: 2 s, link: lan }", "captive-portal"),
    },
    no_effect={
        "portal": NoEffect("captive-portal: { at: 2 s, link: lan, lasts: 9 s }", "losses", "0 rules in place"),
        "portal-open": NoEffect("captive-portal: { at: 2 s, link: lan, lasts: 3 s }", "catching", "not redirected"),
        "portal-certificate": NoEffect(
            "captive-portal: { at: 2 s, link: lan, lasts: 3 s, tls: wrong-certificate }",
            "showing",
            "who connects meets no certificate",
        ),
    },
    acts={
        "catching": (captive_portal, "open_portal", _catches_nothing),
        "showing": (captive_portal, "open_portal", _shows_nothing),
    },
    written="captive-portal: { at: 35 s, link: second, tls: silent, lasts: 12 s }",
    liveness={
        "captive-portal.at": ("at: 35 s, link: second", "at: 36 s, link: second"),
        "captive-portal.link": ("link: second, tls", "link: lan, tls"),
        "captive-portal.tls": ("tls: silent", "tls: wrong-certificate"),
        "captive-portal.lasts": ("lasts: 12 s", "lasts: 13 s"),
    },
)


def cause_of(*lines: Line, lasts: float = 60.0) -> str:
    """The cause of a lost probe, or the doubt."""
    fault = replace(PORTAL, lasts=Seconds(lasts))
    story = [*flow_set_up(), *sentinel("silent"), *lines, *probe(1, 100, answered=False), END]
    outcome = judged(with_fault(fault), *story)
    return outcome.doubt if outcome.cause is None else outcome.cause.kind.name


@pytest.mark.parametrize("link", ["lan", "core"])
def test_what_it_loses(link: str) -> None:
    """What arrives at its node, from the client and from the server; not what its node sends."""
    lost = of_flow(100.1, link, "client" if link == "lan" else "server")
    assert isinstance(lost.event, Packet)
    assert cause_of(*stands(), lost) == "captive-portal"
    assert cause_of(*stands(), changed(lost, from_=BOX)) == "unknown"
    assert cause_of(*stands(), changed(lost, t=49.0)) == "unknown"


def test_after_the_login() -> None:
    """A probe that was lost for another reason is not its doing; one whose flow lost packets is."""
    assert cause_of(*stands(until=70.0), ARRIVED, lasts=20.0) == "unknown"
    assert cause_of(*stands(until=70.0), of_flow(60.0, "core", "server", seq=5), lasts=20.0) == "captive-portal"


def test_a_link_of_the_type_has_two_ends() -> None:
    """The portal is the node that is not the client."""
    assert isinstance(HOME.topology.link("lan"), Link)
    assert captive_portal._far_end(HOME, "lan") == BOX
