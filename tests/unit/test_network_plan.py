"""The plan: what is built for a topology, as text that people review, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from lab.errors import LabFault
from lab.model.middlebox import (
    FilteringBehavior,
    ForgottenFlow,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
    SipAlg,
)
from lab.model.topology import Link, Node, Role, Topology
from lab.network import nft
from lab.network.plan import AddRoute, MakeLink, MakeNamespace, SetSysctl, mac, plan, render
from lab.units import Seconds

GOLDEN = Path(__file__).parent.parent / "golden"
ADDRESS = IPv4Address("198.51.100.2")
BOX = Middlebox(name="silent-60s", established_idle_timeout=Seconds(60))


def test_one_home(one_home: Topology) -> None:
    """The whole plan of the usual topology, as reviewed."""
    assert (GOLDEN / "network-one-home.txt").read_text() == render(plan(one_home, {"home-nat": BOX}))


@pytest.mark.parametrize("forgotten", ForgottenFlow)
def test_rule_set(forgotten: ForgottenFlow) -> None:
    """The rule set of each behavior, as reviewed."""
    rules = nft.rule_set(replace(BOX, forgotten=forgotten), inside="lan", outside="access", address=ADDRESS)
    assert (GOLDEN / f"network-{forgotten.value}.nft").read_text() == rules


RFC_4787 = {
    "cone": (MappingBehavior.ENDPOINT_INDEPENDENT, FilteringBehavior.ENDPOINT_INDEPENDENT),
    "by-address": (MappingBehavior.ADDRESS_DEPENDENT, FilteringBehavior.ADDRESS_DEPENDENT),
    "symmetric": (MappingBehavior.ADDRESS_AND_PORT_DEPENDENT, FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT),
}


@pytest.mark.parametrize("name", RFC_4787)
def test_translation(name: str) -> None:
    """The rule set of mapping and filtering beyond Linux's own, as reviewed."""
    mapping, filtering = RFC_4787[name]
    box = replace(BOX, mapping=mapping, filtering=filtering)
    if name == "cone":
        box = replace(box, port_assignment=PortAssignment.NO_PRESERVATION, hairpinning=Hairpinning.EXTERNAL_SOURCE)
    rules = nft.rule_set(box, inside="lan", outside="access", address=ADDRESS)
    assert (GOLDEN / f"network-{name}.nft").read_text() == rules


@pytest.mark.parametrize("transports", [(SipAlg.UDP,), (SipAlg.TCP,), (SipAlg.TCP, SipAlg.UDP)])
def test_sip_alg(transports: tuple[SipAlg, ...]) -> None:
    """Each transport gets the kernel's helper for new flows from inside, whatever the order; without any, none does."""
    rules = nft.rule_set(replace(BOX, sip_alg=transports), inside="lan", outside="access", address=ADDRESS)
    if len(transports) == 2:
        assert (GOLDEN / "network-sip-alg.nft").read_text() == rules
    for alg in SipAlg:
        assert (f'{alg.value} dport 5060 ct state new ct helper set "sip-{alg.value}"' in rules) is (alg in transports)
    assert "helper" not in nft.rule_set(BOX, inside="lan", outside="access", address=ADDRESS)


def test_documented_rule_set() -> None:
    """The listing in the documentation of ``lab.network.nft`` is what the code makes."""
    box = replace(BOX, forgotten=ForgottenFlow.RST_TO_SENDER)
    listing = (nft.__doc__ or "").split("``access``::\n\n", 1)[1].split("\n\n")[0]
    made = nft.rule_set(box, inside="lan", outside="access", address=ADDRESS)
    assert [line.strip() for line in listing.splitlines()] == [line.strip() for line in made.splitlines()]


@pytest.mark.parametrize(
    ("claimed", "established", "settled"),
    [
        (Seconds(2), 2, 300),  # 300: the kernel's own, so that shorter claims do not shorten transitory states
        (Seconds(300), 300, 300),
        (Seconds(7440), 7440, 7440),  # not 300: unacknowledged data must not shorten the claim
        (None, nft.NEVER, nft.NEVER),
    ],
)
def test_established_idle_timeout(claimed: Seconds | None, established: int, settled: int) -> None:
    """The claim is conntrack's established timeout, and nothing else in conntrack cuts it short."""
    settings = dict(nft.conntrack_settings(Middlebox(name="box", established_idle_timeout=claimed)))
    assert established == settings["nf_conntrack_tcp_timeout_established"]
    assert settled == settings["nf_conntrack_tcp_timeout_unacknowledged"]
    assert settled == settings["nf_conntrack_tcp_timeout_max_retrans"]


def test_kernel_does_not_interfere() -> None:
    """Where the kernel's timers cannot do the aging, they do not end mappings either; transitory ones excepted."""
    box = replace(BOX, refresh_direction=RefreshDirection.OUTBOUND, transitory_timeout=Seconds(77))
    settings = dict(nft.conntrack_settings(box))
    aged = ("tcp_timeout_established", "udp_timeout", "udp_timeout_stream")
    assert {settings[f"nf_conntrack_{name}"] for name in aged} == {nft.NEVER}
    assert settings["nf_conntrack_tcp_timeout_syn_sent"] == 77


def test_udp_timers() -> None:
    """New and answered mappings have a timer each; by default the same."""
    box = replace(BOX, udp_mapping_timer=Seconds(180))
    for one_way, seconds in ((None, 180), (Seconds(30), 30)):
        settings = dict(nft.conntrack_settings(replace(box, udp_one_way_timer=one_way)))
        assert (settings["nf_conntrack_udp_timeout"], settings["nf_conntrack_udp_timeout_stream"]) == (seconds, 180)


@pytest.mark.parametrize("seconds", [0, 0.5, 2.5, nft.NEVER])
def test_uncountable_timeout(seconds: float) -> None:
    """A timeout that conntrack cannot count is refused, not rounded."""
    with pytest.raises(LabFault, match="whole seconds"):
        nft.conntrack_settings(Middlebox(name="box", established_idle_timeout=Seconds(seconds)))
    with pytest.raises(LabFault, match="whole seconds"):
        nft.conntrack_settings(Middlebox(name="box", udp_mapping_timer=Seconds(seconds)))


def test_only_repickup_picks_up() -> None:
    """``tcp_loose`` is on for the behaviors that need it."""
    loose = {
        forgotten: dict(nft.conntrack_settings(replace(BOX, forgotten=forgotten)))["nf_conntrack_tcp_loose"]
        for forgotten in ForgottenFlow
    }
    on = {forgotten for forgotten, value in loose.items() if value}
    assert on == {ForgottenFlow.REPICKUP, ForgottenFlow.REPICKUP_NEW_PORT}


def test_two_middleboxes_hide_their_insides() -> None:
    """Client — home NAT — street — CGN — internet — server: nobody outside a middlebox has a route to its inside."""

    def link(name: str, near: tuple[str, str], far: tuple[str, str]) -> Link:
        return Link(name=name, ends=tuple((node, IPv4Interface(address)) for node, address in (near, far)))

    topology = Topology(
        name="cgn",
        nodes=(
            Node(name="client", role=Role.CLIENT),
            Node(name="home-nat", role=Role.MIDDLEBOX, inside="lan", outside="home"),
            Node(name="street", role=Role.ROUTER),
            Node(name="cgn", role=Role.MIDDLEBOX, inside="street", outside="access"),
            Node(name="internet", role=Role.ROUTER),
            Node(name="server", role=Role.SERVER),
        ),
        links=(
            link("lan", ("client", "10.0.0.2/24"), ("home-nat", "10.0.0.1/24")),
            link("home", ("home-nat", "100.64.0.2/24"), ("street", "100.64.0.1/24")),
            link("street", ("street", "100.64.1.2/24"), ("cgn", "100.64.1.1/24")),
            link("access", ("cgn", "198.51.100.2/24"), ("internet", "198.51.100.1/24")),
            link("core", ("internet", "203.0.113.1/24"), ("server", "203.0.113.10/24")),
        ),
    )
    routes: dict[str, set[str]] = {}
    for operation in plan(topology, {"home-nat": BOX, "cgn": BOX}):
        if isinstance(operation, AddRoute):
            routes.setdefault(operation.node, set()).add(f"{operation.destination} {operation.gateway}")
    assert routes == {
        "client": {"0.0.0.0/0 10.0.0.1"},
        "home-nat": {"100.64.1.0/24 100.64.0.1", "198.51.100.0/24 100.64.0.1", "203.0.113.0/24 100.64.0.1"},
        "street": {"198.51.100.0/24 100.64.1.1", "203.0.113.0/24 100.64.1.1"},
        "cgn": {"100.64.0.0/24 100.64.1.2", "203.0.113.0/24 198.51.100.1"},
        "server": {"0.0.0.0/0 203.0.113.1"},
    }


def test_only_routers_and_middleboxes_forward(one_home: Topology) -> None:
    """Hosts do not forward, whatever the machine around the lab does."""
    forwards = {
        operation.node: operation.value
        for operation in plan(one_home, {"home-nat": BOX})
        if isinstance(operation, SetSysctl) and operation.key == "net/ipv4/ip_forward"
    }
    assert forwards == {"client": 0, "home-nat": 1, "internet": 1, "server": 0}


def test_namespaces_come_first(one_home: Topology) -> None:
    """Every namespace is there before anything is put into one, and every rule set before the first link."""
    operations = plan(one_home, {"home-nat": BOX})
    assert all(isinstance(operation, MakeNamespace) for operation in operations[:4])
    first_link = next(number for number, operation in enumerate(operations) if isinstance(operation, MakeLink))
    assert "rules" in render(operations[:first_link])
    assert "rules" not in render(operations[first_link:])


def test_a_further_address(one_home: Topology) -> None:
    """It is on the node's own link, whose other end knows its MAC address; nothing else changes."""
    usual = render(plan(one_home, {"home-nat": BOX})).splitlines()
    more = {"server": [IPv4Address("203.0.113.20")]}
    lines = render(plan(one_home, {"home-nat": BOX}, further=more)).splitlines()
    added = [line.strip() for line in lines if line not in usual]
    (link,) = (link for link in plan(one_home, {"home-nat": BOX}) if isinstance(link, MakeLink) and "core" in str(link))
    ends = {end.node: end for end in link.ends}
    assert added == [
        f"neighbour 203.0.113.20 is {ends['server'].mac} on {ends['internet'].index}",
        f"address 203.0.113.20/24 on {ends['server'].index}",
    ]
    assert len(lines) == len(usual) + 2


@pytest.mark.parametrize("name", ["lo", "all", "default", "sixteen-bytes-xx"])
def test_impossible_interface_name(one_home: Topology, name: str) -> None:
    """A link whose name the kernel would refuse as an interface is refused before anything is built."""
    lan, *others = one_home.links
    with pytest.raises(LabFault, match="interface name"):
        plan(replace(one_home, links=(replace(lan, name=name), *others)), {"home-nat": BOX})


def test_mac_addresses_can_be_read() -> None:
    """A MAC address is locally administered, unicast, and shows the IPv4 address."""
    assert mac(IPv4Address("198.51.100.2")) == "02:00:c6:33:64:02"
