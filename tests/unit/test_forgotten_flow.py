"""What a middlebox is said to have done with a forgotten flow: what was seen of it, and of no other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.judge.forgotten_flow import UDP, words
from lab.model.endpoint import Endpoint
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.scenario import Cell, Client, Expectation, Server, Strategy, Transport
from lab.model.topology import Role, Topology
from lab.record.events import Mapping, SentinelState
from lab.units import Seconds
from tests.records import REMOTE, Line, evidence, packet, say, sentinel

SILENT, REPICKUP, NEW_PORT, TO_SENDER, TO_INSIDE, TO_BOTH, FIN, ICMP = (
    Middlebox(name=f.value, forgotten=f, established_idle_timeout=Seconds(60)) for f in ForgottenFlow
)
LATER = replace(TO_INSIDE, established_idle_timeout=Seconds(90))


def _cell(one_home: Topology, *boxes: Middlebox, transport: Transport = Transport.TCP) -> Cell:
    """A cell whose path has one middlebox or two, the client's first."""
    topology = one_home
    if len(boxes) > 1:
        second = (
            replace(node, role=Role.MIDDLEBOX, inside="access", outside="core") if node.name == "internet" else node
            for node in one_home.nodes
        )
        topology = replace(one_home, nodes=tuple(second))
    return Cell(
        scenario="s",
        name="c",
        axes=(),
        seed=1,
        topology=topology,
        middleboxes=tuple(zip(("home-nat", "internet"), boxes, strict=False)),
        transport=transport,
        server=Server(),
        client=Client(),
        strategy=Strategy(name="none"),
        faults=(),
        probes=(),
        expect=Expectation(),
        ends=Seconds(130),
        claim=None,
    )


@pytest.mark.parametrize(
    ("box", "met", "said"),
    [
        (SILENT, ("silent", "silent"), "drops what follows from either side silently"),
        (REPICKUP, ("delivered", "silent"), "picks it up again only from inside"),
        (TO_SENDER, ("reset", "reset"), "answers either side with RST"),
        (TO_INSIDE, ("reset", "silent"), "answers the inside with RST, the outside with silence"),
        (FIN, ("closed", "silent"), "ended it towards the inside with FIN"),
        (ICMP, ("unreachable", "silent"), "answers the inside with ICMP, the outside with silence"),
    ],
)
def test_one_middlebox(one_home: Topology, box: Middlebox, met: tuple[SentinelState, SentinelState], said: str) -> None:
    """Both challenges met it."""
    assert said in words(evidence(_cell(one_home, box), *sentinel(*met)), "home-nat")


def test_a_word_at_expiry(one_home: Topology) -> None:
    """Who found both ends reset before anything was sent was told at expiry."""
    seen = evidence(_cell(one_home, TO_BOTH), *sentinel("reset", "reset", found="reset"))
    assert words(seen, "home-nat") == " and ended it towards both with RST"


def test_nothing_of_tcp_is_said_of_udp(one_home: Topology) -> None:
    """The sentinel's flows are TCP; a datagram from inside makes a new mapping whatever they met."""
    cell = _cell(one_home, TO_INSIDE, transport=Transport.UDP)
    assert words(evidence(cell, *sentinel("reset", "silent")), "home-nat") == UDP


def test_each_of_two_is_said_what_was_seen_of_it(one_home: Topology) -> None:
    """Both have forgotten: the first picks the flow up, which is then refused by the second."""
    both = evidence(_cell(one_home, REPICKUP, TO_INSIDE), *sentinel("reset", "silent"))
    assert words(both, "home-nat") == " and picks it up again from inside"
    assert words(both, "internet") == " and answers the inside with RST, the outside with silence"
    near = evidence(_cell(one_home, SILENT, TO_SENDER), *sentinel("silent", "reset"))
    assert words(near, "home-nat") == " and drops what follows from inside silently"
    assert words(near, "internet") == " and answers the outside with RST"


def test_who_had_not_forgotten_is_said_by_its_own_packets(one_home: Topology) -> None:
    """What the sentinel met was the other's; a RST to the flow that ended later is this one's."""
    cell = _cell(one_home, REPICKUP, LATER)
    met = sentinel("delivered", "silent")
    mapped = Endpoint("198.51.100.2", 40001)
    ended = Mapping(
        state="destroyed", proto="tcp", inside=mapped, outside=mapped, remote=REMOTE, id=1,
        tcp_state="ESTABLISHED", seen=0.0,
    )  # fmt: skip
    gone: list[Line] = [say(90.0, "internet", ended)]
    reset: list[Line] = [packet(91.0, "access", "internet", REMOTE, mapped, flags="R")]
    from_server: list[Line] = [packet(91.0, "core", "server", REMOTE, mapped, flags="R")]
    assert words(evidence(cell, *met), "home-nat") == " and picks it up again only from inside"
    assert words(evidence(cell, *met, *gone), "internet") == ""
    assert words(evidence(cell, *met, *gone, *reset), "internet") == " and answers the inside with RST"
    assert words(evidence(cell, *met, *gone, *from_server, *reset), "internet") == ""
