"""``lab middlebox``: the catalog in the lab, in virtual time."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.loader import catalog
from tests.e2e.lab_command import run
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e


@pytest.mark.virtual
@pytest.mark.timeout(600)
def test_all_profiles_do_what_they_say(tmp_path: Path) -> None:
    """Every profile, with timers up to five days, agrees with itself in all that can be seen of it."""
    done = run("middlebox", "test", "--all", "--clock", "virtual", "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    told = {box["name"]: box for box in json.loads(done.stdout)["middleboxes"]}
    assert sorted(told) == catalog.middlebox_names()
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


TWO_NATS = """\
title: Which of two middleboxes forgot
source: this test
topology: cgn
transport: tcp
matrix:
  strategy: [none, hold-transport]
  middlebox:
    - { home-nat: rfc-ideal, cgn: silent-60s }
    - { home-nat: silent-60s, cgn: rfc-ideal }
    - { home-nat: { name: later, base: silent-60s, established-idle-timeout: 90 s }, cgn: rst-to-both-60s }
probes: [{ at: 100 s }]
ends: 106 s
claims:
  - { strategy: hold-transport, verdict: fail, cause: middlebox-forgot-flow, at: 60 s }
"""

TWO = Cells(TWO_NATS, name="two", only=("strategy=hold-transport",))


@pytest.mark.cells(TWO)
def test_of_two_middleboxes_the_one_that_forgot_is_named(virtually: Virtually) -> None:
    """Behind a home's NAT and its carrier's, the cause says whose mapping ended; the sentinel agrees with both."""
    seen = virtually(TWO)
    assert seen.status == 0, seen.said
    causes = [cell["cause"]["text"].split(" at ")[0] for cell in seen.cells.values()]
    assert causes == [f"middlebox {node} forgot the flow" for node in ("cgn", "home-nat", "cgn")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["rfc-idael"], "did you mean `rfc-ideal`?"), ([], "nothing to test"), (["rfc-ideal", "--against", "x"], "got x")],
)
def test_wrong_names(tmp_path: Path, arguments: list[str], said: str) -> None:
    """A name that is not in the catalog is the author's fault: status 2."""
    done = run("middlebox", "test", *arguments, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
