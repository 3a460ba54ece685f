"""The cells of twins: each is the cell itself but for the one thing that it is to answer."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from lab.engine.twins import cells
from lab.engine.twins.cells import FOR_EVER_S, LONGEST_NAME
from lab.faults.client_suspend import ClientSuspend
from lab.faults.link_down import LinkDown
from lab.faults.reboot import Reboot
from lab.mitigations.hold_transport import HoldTransport
from lab.mitigations.idle_time import IdleTime
from lab.model.idle_timeout import IdleTimeout
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.push import Push
from lab.model.scenario import Cell, Claim, ClientCertificate, Server, Strategy, Transport
from lab.model.verdict import Verdict
from lab.model.when import When
from lab.model.without import (
    Without,
    WithoutExpiry,
    WithoutFault,
    WithoutIdleTimer,
    WithoutPushFailure,
    WithoutServerIdle,
    WithoutTimer,
)
from lab.units import Seconds
from tests.records import BOX, cell

NAMES = {"name", "claim", "unsupported"}
"""In which any twin differs."""


def changed_in(one: Cell, other: Cell) -> set[str]:
    """The fields in which two cells differ, besides those in which any twin does."""
    return {each.name for each in fields(Cell) if getattr(one, each.name) != getattr(other, each.name)} - NAMES


def whole() -> Cell:
    """A cell that has everything that can be left out."""
    faults = (
        LinkDown(at=When(offset=20.0), link="lan", lasts=Seconds(5)),
        Reboot(at=When(offset=50.0), node=BOX),
    )
    box = Middlebox(
        name="box",
        established_idle_timeout=Seconds(60),
        lifetime=Seconds(90),
        udp_mapping_timer=Seconds(30),
        udp_one_way_timer=Seconds(10),
        forgotten=ForgottenFlow.RST_TO_SENDER,
    )
    server = Server(
        idle_timeout=IdleTimeout(after=Seconds(30)),
        subscription_expires=Seconds(60),
        registration_expires=Seconds(70),
        client_certificate=ClientCertificate.REQUIRED,
    )
    strategy = Strategy(name="held", mitigations=(HoldTransport(),))
    claim = Claim(verdict=Verdict.PASS)
    return replace(
        cell(timeout=60.0), faults=faults, server=server, strategy=strategy, middleboxes=((BOX, box),), claim=claim
    )


def without(*left_out: Without, of: Cell | None = None) -> Cell:
    """The cell without some suspects."""
    made = cells.without(whole() if of is None else of, left_out)
    assert made is not None
    assert made.claim is None
    return made


def test_without_a_server_that_ends_idle_connections() -> None:
    """The server is the same but for that."""
    made = without(WithoutServerIdle())
    assert changed_in(made, whole()) == {"server"}
    assert made.server == replace(whole().server, idle_timeout=None)
    assert made.name == "none,without-server-idle"


def test_without_a_push_that_fails() -> None:
    """The push service brings each push at once."""
    made = without(WithoutPushFailure())
    assert changed_in(made, whole()) == {"push"}
    assert made.push == Push(delay=Seconds(0), delay_p95=Seconds(0))
    assert made.name == "none,without-push-failure"


@pytest.mark.parametrize("what", ["registration", "subscription"])
def test_without_an_expiry(what: Any) -> None:
    """One grant lasts for ever, the other as long as before."""
    made = without(WithoutExpiry(what))
    assert changed_in(made, whole()) == {"server"}
    longer: dict[str, Any] = {f"{what}_expires": Seconds(FOR_EVER_S)}
    assert made.server == replace(whole().server, **longer)
    assert made.name == f"none,without-expiry-of-{what}"


def test_without_a_middleboxs_timers() -> None:
    """That middlebox forgets nothing by a timer, neither TCP nor UDP, whatever its age; another one does as before."""
    beside = ("cgn", Middlebox(name="carrier", established_idle_timeout=Seconds(40)))
    two = replace(whole(), middleboxes=(*whole().middleboxes, beside))
    made = without(WithoutTimer(BOX), of=two)
    assert changed_in(made, two) == {"middleboxes"}
    box, other = made.middleboxes
    assert other == beside
    before = dict(whole().middleboxes)[BOX]
    for_ever: dict[str, Any] = {"established_idle_timeout": None, "lifetime": None, "udp_one_way_timer": None}
    assert box == (BOX, replace(before, **for_ever, udp_mapping_timer=Seconds(FOR_EVER_S)))
    assert made.name == f"none,without-timer-of-{BOX}"


def test_without_the_clients_idle_timer() -> None:
    """Its connections live on when idle; what else the strategy does stays, and a timer of its own gives way."""
    kept = replace(whole(), strategy=replace(whole().strategy, mitigations=(IdleTime(time=Seconds(40)),)))
    made = without(WithoutIdleTimer(), of=kept)
    assert changed_in(made, kept) == {"strategy"}
    assert made.strategy.mitigations == (IdleTime(time=Seconds(FOR_EVER_S)),)


@pytest.mark.parametrize("number", [0, 1])
def test_without_a_fault(number: int) -> None:
    """The other one is as it was."""
    made = without(WithoutFault(number))
    assert changed_in(made, whole()) == {"faults"}
    assert made.faults == (whole().faults[1 - number],)


def test_without_several() -> None:
    """Each by its number in the cell, in whatever order they are told."""
    made = without(WithoutFault(0), WithoutServerIdle(), WithoutFault(1))
    assert changed_in(made, whole()) == {"faults", "server"}
    assert made.faults == ()
    assert made.name == "none,without-fault-1,server-idle,fault-2"


def test_without_what_cannot_be_left_out() -> None:
    """A twin that cannot exist is none: over UDP a client has no connections that could be idle."""
    udp = replace(cell(), transport=Transport.UDP)
    assert cells.without(udp, (WithoutIdleTimer(),)) is None
    assert cells.without(udp, (WithoutTimer(BOX),)) is not None
    assert cells.without(udp, (WithoutTimer(BOX), WithoutIdleTimer())) is None


def test_another_seed() -> None:
    """Nothing else differs."""
    made = cells.with_seed(whole(), 7)
    assert changed_in(made, whole()) == {"seed"}
    assert (made.seed, made.name, made.claim) == (7, "none,seed-7", None)


def test_a_long_name_ends_with_a_digest() -> None:
    """It stays a folder's name, and two that differ at their ends stay two."""
    long = replace(whole(), name="x" * LONGEST_NAME)
    names = {cells.with_seed(long, seed).name for seed in (2, 3)}
    assert len(names) == 2
    assert all(len(name) <= 255 for name in names)


def test_a_phone_sleeps_in_its_silent_hour_too() -> None:
    """What the device does to its app is no accident; what the scenario breaks is."""
    sleeps = ClientSuspend(at=When(offset=15.0), awake=Seconds(5))
    late = replace(sleeps, at=When(offset=3600.0))
    accident = LinkDown(at=When(offset=20.0), link="lan", lasts=Seconds(5))
    subject = replace(cell(), faults=(sleeps, accident, late))
    assert cells.silent(subject, 3600.0).faults == (sleeps,)
    assert cells.silent(replace(subject, faults=(sleeps,)), 3600.0) == cells.silent(subject, 3600.0)
    assert cells.silent(subject, 3600.0).name != cells.silent(replace(subject, faults=(accident,)), 3600.0).name
