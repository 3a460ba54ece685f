"""A fault that harmed nobody is not the cause: certificates nobody refused, names nobody asked for, moves unnoticed."""

from __future__ import annotations

import pytest

from tests.records import Line, changed, idle_timer
from tests.unit.fault_records import (
    BESIDE,
    EXPIRED,
    GONE,
    NO_NAME,
    REVOKED,
    alert,
    asked,
    expires,
    name_moves,
    names_fail,
    outcome_with,
    refused,
    revokes,
    subscribed,
    turned_away,
)


@pytest.mark.parametrize(
    "other", [[], [refused(45)], [refused(107)], [refused(reason="Connection refused")], [alert("203.0.113.10:7")]]
)
def test_a_certificate_nobody_refused_is_not_the_cause(other: list[Line]) -> None:
    """It harms those who connect: not before it expired, not after the probe, not the lab that looks whether it has."""
    outcome = outcome_with(EXPIRED, *expires(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [asked("servfail", t=45)],
        [asked("servfail", t=107)],
        [asked("203.0.113.10")],
        [asked("no-data", type="AAAA")],
        [asked("servfail", type="SRV")],
        [asked("servfail", peer="203.0.113.10:7")],
    ],
)
def test_a_name_nobody_asked_for_in_vain_is_not_the_cause(other: list[Line]) -> None:
    """It harms those who ask: not before, not after the probe, not who gets an answer, not the lab that looks."""
    outcome = outcome_with(NO_NAME, *names_fail(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [turned_away(t=45.0)],
        [turned_away(t=107.0)],
        [turned_away("203.0.113.10:7")],
        [turned_away(why="certificate has expired")],
        [refused()],
    ],
)
def test_a_revocation_nobody_was_refused_for_is_not_the_cause(other: list[Line]) -> None:
    """Nor is a refusal before it or after the probe, the lab's own look, another reason, or the client's refusal."""
    outcome = outcome_with(REVOKED, *revokes(), *other, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_revocation_for_which_kamailio_refused_the_client_is_the_cause() -> None:
    """It logs no reason; the proof of the fault has shown that this very certificate is on its list."""
    refusal = changed(turned_away(), reason="certificate verify failed")
    outcome = outcome_with(REVOKED, *revokes(), refusal, idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-certificate-revoked", 50.0)


def test_a_server_that_still_serves_at_its_old_address_is_not_the_cause() -> None:
    """Whoever stays is served, and whoever comes again finds it."""
    outcome = outcome_with(BESIDE, *name_moves(BESIDE, rules=0), idle_timer(93), met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


def test_a_server_found_at_its_new_address_has_not_moved_for_what_comes_later() -> None:
    """The old address is silent to the end, but not the cause of what is lost after the client came to the new one."""
    lines = [*name_moves(GONE, rules=2), subscribed(80.0), idle_timer(93)]
    outcome = outcome_with(GONE, *lines, met="delivered")
    assert outcome.cause is not None
    assert (outcome.cause.kind.name, outcome.cause.at_s) == ("client-idle-timer", 93.0)


@pytest.mark.parametrize(
    "reason",
    ["CERTIFICATE_VERIFY_FAILED: certificate revoked", "SSLV3_ALERT_CERTIFICATE_REVOKED", "certificate verify failed"],
)
def test_a_revoked_certificate_is_not_the_servers(reason: str) -> None:
    """With both faults in one run, a refusal for the revocation does not show that the expiry harmed anybody."""
    lines = [*expires(), changed(turned_away(), reason=reason), idle_timer(93)]
    outcome = outcome_with(EXPIRED, *lines, met="delivered")
    assert outcome.cause is not None
    assert outcome.cause.kind.name == "client-idle-timer"
