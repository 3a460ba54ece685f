"""What can never happen in a cell: each reason, and beside it the cell in which the same fault can happen."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import ScenarioError
from lab.faults.base import Fault
from lab.faults.black_hole import BlackHole
from lab.faults.client_move import ClientMove
from lab.faults.dns_change import DnsChange
from lab.faults.dns_failure import DnsFailure
from lab.faults.evict_flow import EvictFlow
from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.feasibility import infeasible_faults
from lab.faults.forged_segment import ForgedSegment
from lab.faults.link_down import LinkDown
from lab.faults.mtu_black_hole import MtuBlackHole
from lab.faults.reboot import Reboot
from lab.faults.revoked_client_certificate import RevokedClientCertificate
from lab.faults.server_close import ServerClose
from lab.faults.server_freeze import ServerFreeze
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.loader.load import load
from lab.loader.one_key_mappings import faults
from lab.loader.unsupported import why_unsupported
from lab.mitigations.register import Register
from lab.mitigations.resubscribe import Resubscribe
from lab.mitigations.short_expiry import ShortExpiry
from lab.model.scenario import (
    Account,
    Cell,
    Client,
    ClientCertificate,
    Probe,
    ProbeKind,
    Scenario,
    Server,
    Strategy,
    Transport,
)
from lab.model.when import Event, When
from lab.units import Seconds
from tests.fault_cases import brought
from tests.records import cell

ROOT = Path(__file__).parents[2]

RINGS = (Probe(at=Seconds(100), kind_=ProbeKind.INVITE, ring=Seconds(3), hold=Seconds(1)),)
SILENT_CALL = (replace(RINGS[0], ring=Seconds(0)),)
OWN = Client(command=("true",))
REGISTERED = Client(account=Account.REGISTER)
FREEZE = ServerFreeze(at=When(offset=20.0), lasts=Seconds(10))
RESTART = ServerRestart(at=When(offset=20.0), down=Seconds(10))


def at(seconds: float, event: Event = Event.SUBSCRIBED) -> When:
    return When(offset=seconds, event=event)


def with_(*faults: Fault, **changes: Any) -> Cell:
    return replace(cell(), faults=faults, **changes)


def with_mitigation(mitigation: object, *faults: Fault, **changes: Any) -> Cell:
    return with_(*faults, strategy=Strategy(name="s", mitigations=(mitigation,)), **changes)


def two_ways(*faults: Fault) -> Cell:
    """A cell on a network whose client can move from behind ``home-nat`` to behind ``carrier``."""
    path = ROOT / "tests" / "docker" / "move.yaml"
    topology = load(path).cells[0].topology
    return replace(cell(), topology=topology, faults=faults)


REFRESH, REFRESHED, RINGING = Event.REFRESH_DUE, Event.REFRESHED, Event.RINGING
MUTE_AT = {event: ServerMute(at=at(-1 if event is REFRESH else 1, event)) for event in Event}

CASES: list[tuple[str, Cell, Cell]] = [
    (
        "only TLS has certificates",
        with_(ExpiredCertificate(at=at(5)), transport=Transport.TCP),
        with_(ExpiredCertificate(at=at(5))),
    ),
    (
        "the server asks for no certificate",
        with_(RevokedClientCertificate(at=at(5))),
        with_(RevokedClientCertificate(at=at(5)), server=Server(client_certificate=ClientCertificate.REQUIRED)),
    ),
    (
        "the server asks for no certificate",
        with_(
            RevokedClientCertificate(at=at(5)),
            transport=Transport.TCP,
            server=Server(client_certificate=ClientCertificate.REQUIRED),
        ),
        with_(RevokedClientCertificate(at=at(5)), server=Server(client_certificate=ClientCertificate.REQUIRED)),
    ),
    (
        "the client knows the server's address, and asks nobody",
        with_(DnsFailure(at=at(5))),
        with_(DnsFailure(at=at(5)), server=Server(by_name=True)),
    ),
    (
        "the client knows the server's address, and asks nobody",
        with_(DnsChange(at=at(5), address="203.0.113.20")),
        with_(DnsChange(at=at(5), address="203.0.113.20"), server=Server(by_name=True)),
    ),
    (
        "UDP has no segments",
        with_(ForgedSegment(at=at(5), node="home-nat"), transport=Transport.UDP),
        with_(ForgedSegment(at=at(5), node="home-nat"), transport=Transport.TCP),
    ),
    (
        "UDP has no connection to close",
        with_(ServerClose(at=at(5)), transport=Transport.UDP),
        with_(ServerClose(at=at(5)), transport=Transport.TCP),
    ),
    (
        "UDP has no connections",
        with_(MUTE_AT[Event.RECONNECTED], transport=Transport.UDP),
        with_(MUTE_AT[Event.RECONNECTED]),
    ),
    ("no probe rings", with_(MUTE_AT[RINGING]), with_(MUTE_AT[RINGING], probes=RINGS)),
    (
        "no probe rings",  # pjsip answers at once unless it is asked to ring; another client may ring unasked
        with_(MUTE_AT[RINGING], probes=SILENT_CALL),
        with_(MUTE_AT[RINGING], probes=SILENT_CALL, client=OWN),
    ),
    (
        "not before the end of the run (it is not before 110 s)",
        with_(ServerMute(at=at(10, RINGING)), probes=RINGS),
        with_(ServerMute(at=at(9, RINGING)), probes=RINGS),
    ),
    (
        "not before the end of the run (it is at 594 s)",  # pjsip asks for 600 s, whatever the server would grant
        with_(MUTE_AT[REFRESH], server=Server(subscription_expires=Seconds(3600))),
        with_(MUTE_AT[REFRESH], server=Server(subscription_expires=Seconds(3600)), ends=Seconds(595)),
    ),
    (
        "not before the end of the run (it is at 594 s)",
        with_(MUTE_AT[REFRESH]),
        with_mitigation(ShortExpiry(expiry=Seconds(60)), MUTE_AT[REFRESH]),
    ),
    (
        "not before the end of the run (it is at 594 s)",  # another client may ask for less
        with_(MUTE_AT[REFRESH]),
        with_(MUTE_AT[REFRESH], client=OWN),
    ),
    (
        "before the client falls silent: the refresh is due at 5 s",
        with_(ServerMute(at=at(-6, REFRESH)), server=Server(subscription_expires=Seconds(10))),
        with_(ServerMute(at=at(-5, REFRESH)), server=Server(subscription_expires=Seconds(10))),
    ),
    (
        "not before the end of the run (it is not before 596 s)",
        with_(MUTE_AT[REFRESHED]),
        with_mitigation(Resubscribe(interval=Seconds(25)), MUTE_AT[REFRESHED]),
    ),
    (
        "not before the end of the run (it is not before 596 s)",
        with_(MUTE_AT[REFRESHED]),
        with_(MUTE_AT[REFRESHED], server=Server(subscription_expires=Seconds(60))),
    ),
    (
        "not before the end of the run (it is not before 596 s)",
        with_(MUTE_AT[REFRESHED]),
        with_(MUTE_AT[REFRESHED], client=OWN),
    ),
    (
        "the client never moves there",
        two_ways(Reboot(at=at(5), node="carrier")),
        two_ways(Reboot(at=at(5), node="home-nat")),
    ),
    (
        "the client is not there yet",
        two_ways(EvictFlow(at=at(5), node="carrier"), ClientMove(at=at(9))),
        two_ways(EvictFlow(at=at(9), node="carrier"), ClientMove(at=at(5))),
    ),
    (
        "the client has left that way by then",
        two_ways(LinkDown(at=at(9), link="access", lasts=Seconds(1)), ClientMove(at=at(5))),
        two_ways(LinkDown(at=at(9), link="core", lasts=Seconds(1)), ClientMove(at=at(5))),
    ),
    (
        "the client has left that way by then",
        two_ways(MtuBlackHole(at=at(9), link="lan", mtu=400), ClientMove(at=at(5))),
        two_ways(MtuBlackHole(at=at(4), link="lan", mtu=400), ClientMove(at=at(5))),
    ),
    (
        "the client has left that way by then",
        two_ways(BlackHole(at=at(9), node="home-nat"), ClientMove(at=at(5))),
        two_ways(BlackHole(at=at(9), node="internet"), ClientMove(at=at(5))),
    ),
    (
        "the client has left its first network for good",
        two_ways(ClientMove(at=at(5)), ClientMove(at=at(9))),
        two_ways(ClientMove(at=at(5))),
    ),
    (
        "the server stands still from 20 s on",
        with_(FREEZE, ServerMute(at=at(29))),
        with_(FREEZE, ServerMute(at=at(30))),
    ),
    ("the server is down from 20 s on", with_(RESTART, ServerClose(at=at(25))), with_(RESTART, ServerClose(at=at(30)))),
    (
        "another fault of that kind is at work from 20 s on",
        with_(FREEZE, replace(FREEZE, at=at(25))),
        with_(FREEZE, replace(FREEZE, at=at(30))),
    ),
    (
        "another fault of that kind is at work from 5 s on",  # the end of either sets the server right
        with_(ServerMute(at=at(5)), ServerSlow(at=at(50), by=Seconds(1))),
        with_(ServerMute(at=at(5), lasts=Seconds(9)), ServerSlow(at=at(50), by=Seconds(1))),
    ),
    (
        "not before the end of the run (it is at 294 s)",  # of the registration: pjsip asks for 300 s
        with_(MUTE_AT[REFRESH], client=REGISTERED, ends=Seconds(290)),
        with_(MUTE_AT[REFRESH], client=REGISTERED, ends=Seconds(300)),
    ),
    (
        "not before the end of the run (it is not before 56 s)",
        with_mitigation(Register(expiry=Seconds(60)), MUTE_AT[REFRESHED], client=REGISTERED, ends=Seconds(50)),
        with_mitigation(Register(expiry=Seconds(60)), MUTE_AT[REFRESHED], client=REGISTERED, ends=Seconds(60)),
    ),
    *(case for cases in brought() for case in cases.infeasible),
]


@pytest.mark.parametrize(("what", "cannot", "can"), CASES, ids=[str(number) for number in range(len(CASES))])
def test_never(what: str, cannot: Cell, can: Cell) -> None:
    """A fault that can never happen is told from one that can by what the reason says, and by nothing else."""
    ((number, reason),) = infeasible_faults(cannot)
    assert reason.what == what
    assert reason.allowed
    name = type(cannot.faults[number]).__name__
    assert not list(infeasible_faults(can))
    if not cannot.client.is_own:
        assert why_unsupported(cannot) == f"fault {number + 1} ({name}) can never happen here: {what}"
        assert why_unsupported(can) == ""


def test_every_kind_of_fault_was_thought_about() -> None:
    """A fault added to the lab needs an answer to the question where it can never happen."""
    asked = {type(fault) for _, cannot, _ in CASES for fault in cannot.faults}
    assert asked == set(faults().values())


def test_every_event_was_thought_about() -> None:
    """So does an event; subscribed, every client is."""
    asked = {fault.at.event for _, cannot, _ in CASES for fault in cannot.faults}
    assert asked == set(Event)


AXIS = """\
title: t
topology: home-nat
middlebox: never-forgets
matrix:
  strategy: [none, short-expiry-60s]
  transport: [udp, tcp]
faults:
  - forged-segment: {{ at: {at}, node: home-nat }}
probes: [{{ at: 70 s }}]
ends: 80 s
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the lab's networks."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    return tmp_path


def read(project: Path, text: str) -> Scenario:
    (project / "a.yaml").write_text(text)
    return load(project / "a.yaml")


def test_where_only_some_cells_are_impossible_they_are_unsupported(project: Path) -> None:
    """An axis is not refused for the sake of one of its values."""
    scenario = read(project, AXIS.format(at="1 s before the refresh"))
    found = {cell.name: why_unsupported(cell) for cell in scenario.cells}
    fault = "fault 1 (ForgedSegment) can never happen here: "
    assert found == {
        "none,udp": fault + "UDP has no segments",
        "none,tcp": fault + "not before the end of the run (it is at 594 s)",
        "short-expiry-60s,udp": fault + "UDP has no segments",
        "short-expiry-60s,tcp": "",
    }


def test_where_all_are_the_file_is_wrong(project: Path) -> None:
    """The report names the first reason, at the key it is about."""
    with pytest.raises(ScenarioError) as caught:
        read(project, AXIS.format(at="30 s").replace("[udp, tcp]", "[udp]"))
    (problem,) = caught.value.problems
    assert (problem.line, problem.path, problem.what) == (8, "faults[0]", "UDP has no segments")


def test_it_is_said_beside_other_problems(project: Path) -> None:
    """A report is whole: a wrong claim does not hide a fault that can never happen."""
    text = AXIS.format(at="30 s").replace("[udp, tcp]", "[udp]") + "claims: [{ strategy: nobody, verdict: pass }]\n"
    with pytest.raises(ScenarioError) as caught:
        read(project, text)
    assert [problem.what for problem in caught.value.problems] == ["UDP has no segments", "no such strategy here"]
