"""What a cell with Kamailio cannot have."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from lab.faults.expired_certificate import ExpiredCertificate
from lab.faults.server_close import ServerClose
from lab.faults.server_mute import ServerMute
from lab.faults.server_restart import ServerRestart
from lab.faults.server_slow import ServerSlow
from lab.loader.load import load
from lab.loader.unsupported import why_unsupported
from lab.model.registrar import GoneConnection, MatchesBy, Registrar, WhenFull
from lab.model.scenario import NotifyRoute
from lab.model.when import When
from lab.servers.catalog import names
from lab.units import Seconds

ROOT = Path(__file__).parents[2]


def test_what_kamailio_cannot_do_is_not_run() -> None:
    """With the reason; the scripted server can do all of it."""
    path = ROOT / "scenarios" / "article" / "server-keeps-alive.yaml"
    for software in names():
        reasons = {cell.name: why_unsupported(cell) for cell in load(path, server=software).cells}
        expected = {"server-crlf-25s"} if software == "kamailio" else set()
        assert {name for name, reason in reasons.items() if reason} == expected


@pytest.mark.parametrize(
    ("fault", "unsupported"),
    [
        (ServerMute(at=When(offset=1.0)), True),
        (ServerSlow(at=When(offset=1.0), by=Seconds(2)), True),
        (ServerRestart(at=When(offset=1.0), keeps_state=True), True),
        (ExpiredCertificate(at=When(offset=1.0)), False),
        (ServerRestart(at=When(offset=1.0), keeps_state=False), False),
        (ServerClose(at=When(offset=1.0)), False),
    ],
)
def test_faults(fault: Any, unsupported: bool) -> None:
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    cell = dataclasses.replace(load(path, server="kamailio").cells[0], faults=(fault,))
    assert bool(why_unsupported(cell)) == unsupported


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"registrar": Registrar(matches_by=MatchesBy.INSTANCE)}, ""),
        ({"registrar": Registrar(matches_by=MatchesBy.CONNECTION)}, "not by connection"),
        ({"registrar": Registrar(at_most=1)}, ""),
        ({"registrar": Registrar(at_most=2)}, "no oldest"),
        ({"registrar": Registrar(at_most=2, when_full=WhenFull.REFUSE)}, ""),
        ({"registrar": Registrar(removes_closed=True, least_expires=Seconds(60))}, ""),
        ({"on_gone_connection": GoneConnection.CONNECT}, "would connect there"),
        ({"on_gone_connection": GoneConnection.CONNECT, "notify_route": NotifyRoute.CONTACT}, ""),
        ({"on_gone_connection": GoneConnection.FAIL, "notify_route": NotifyRoute.CONTACT}, ""),
        ({"on_gone_connection": GoneConnection.WAIT, "wait": Seconds(5)}, ""),
    ],
)
def test_registrars(settings: dict[str, Any], reason: str) -> None:
    """What Kamailio's modules offer no way to do is said; the scripted server does all of it."""
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    for software in names():
        cell = load(path, server=software).cells[0]
        changed = dataclasses.replace(cell, server=dataclasses.replace(cell.server, **settings))
        said = why_unsupported(changed)
        assert (reason in said) if software == "kamailio" and reason else not said


@pytest.mark.parametrize(("route", "unsupported"), [(NotifyRoute.FLOW, False), (NotifyRoute.CONTACT, True)])
def test_a_server_that_connects_by_itself_cannot_move(route: NotifyRoute, unsupported: bool) -> None:
    """By contact it connects to the client, which a server that has moved does from its new address."""
    path = ROOT / "scenarios" / "field" / "dns-change.yaml"
    cell = load(path, server="kamailio").cells[0]
    changed = dataclasses.replace(cell, server=dataclasses.replace(cell.server, notify_route=route))
    assert ("from which" in why_unsupported(changed)) == unsupported


def test_who_is_not_told_names() -> None:
    """A client of the author's is told an address, whichever server there is."""
    path = ROOT / "scenarios" / "article" / "idle-subscription.yaml"
    cell = load(path).cells[0]
    named = dataclasses.replace(cell, server=dataclasses.replace(cell.server, by_name=True))
    assert why_unsupported(named) == ""
    kamailio = dataclasses.replace(named, server=dataclasses.replace(named.server, software="kamailio"))
    assert why_unsupported(kamailio) == ""
    for one in (named, kamailio):
        own = dataclasses.replace(one, client=dataclasses.replace(cell.client, command=("true",)))
        assert "its name" in why_unsupported(own)


def test_it_asks_for_certificates() -> None:
    path = ROOT / "scenarios" / "field" / "revoked-client-certificate.yaml"
    assert {why_unsupported(cell) for cell in load(path, server="kamailio").cells} == {""}
