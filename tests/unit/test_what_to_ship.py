"""``scenarios/field/what-to-ship``: what its files and the catalogue say before anything runs."""

from __future__ import annotations

from pathlib import Path

from lab.loader import catalog
from lab.loader.load import load
from lab.loader.population import sourced

SHIP = load(Path("field/what-to-ship"))
ARTICLE = load(Path("article/all"))


def test_all_sourced_profiles_with_equal_shares() -> None:
    assert [name for name, _ in SHIP.population] == sourced()
    assert len({share for _, share in SHIP.population}) == 1


def test_all_strategies_of_the_article() -> None:
    ours, theirs = (list(dict.fromkeys(cell.strategy for cell in each.cells)) for each in (SHIP, ARTICLE))
    assert ours == theirs


def test_no_profile_forgets_before_the_clients_own_crlf() -> None:
    """So whoever keeps the connection loses nobody by idleness: pjsip sends CRLF after 90 s (`pjsip/sip_config.h`)."""
    timers = [catalog.middlebox(name).established_idle_timeout for name in sourced()]
    assert all(timer is None or timer > 90 for timer in timers)
