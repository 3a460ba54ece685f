"""``lab middlebox``: the catalogue in the lab, in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.loader import catalogue
from tests.e2e.lab_command import run

pytestmark = pytest.mark.e2e


@pytest.mark.virtual
@pytest.mark.timeout(600)
def test_all_profiles_do_what_they_say(tmp_path: Path) -> None:
    """Every profile, with timers up to five days, agrees with itself in all that can be seen of it."""
    done = run("middlebox", "test", "--all", "--clock", "virtual", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = {box["name"]: box for box in json.loads(done.stdout)["middleboxes"]}
    assert sorted(told) == catalogue.middlebox_names()
    for box in told.values():
        unseen = [key for key, each in box["behaviours"].items() if each["agrees"] is None]
        never = box["behaviours"]["established-idle-timeout"]["claimed"] == "never"
        assert unseen == (["refreshing-segments"] if never else [])


@pytest.mark.virtual
def test_a_wrong_profile_is_found_out(tmp_path: Path) -> None:
    """A profile that says something else than what is seen: status 1, and each difference is said."""
    arguments = ("middlebox", "test", "silent-60s", "--against", "rst-to-sender-60s", "--clock", "virtual")
    done = run(*arguments, home=tmp_path)
    assert done.returncode == 1
    differences = [line for line in done.stdout.splitlines() if line.startswith("silent-60s: ")]
    assert differences == ["silent-60s: forgotten: rst-to-sender-60s says rst-to-sender, seen silent"]


@pytest.mark.waits(67)
@pytest.mark.timeout(300)
def test_real_time(tmp_path: Path) -> None:
    """In real time what takes too long is left out, and nothing else."""
    done = run("middlebox", "test", "rfc-ideal", "--clock", "real", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (box,) = json.loads(done.stdout)["middleboxes"]
    seen = {key for key, each in box["behaviours"].items() if each["agrees"] is not None}
    assert seen == {"forgotten", "lifetime", "mapping", "filtering", "port-assignment", "hairpinning", "sip-alg"}
