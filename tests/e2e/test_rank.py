"""``lab rank``: what the catalogue predicts of strategies is what is measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.loader import catalog
from lab.model.middlebox import Middlebox
from tests.e2e.lab_command import run

pytestmark = [pytest.mark.virtual, pytest.mark.e2e, pytest.mark.timeout(300)]

POPULATION = {"azure-lb": 45.0, "home-typical": 30.0, "linux-default": 25.0}
"""A timer between the two intervals, longer ones, and one middlebox that picks up what it has forgotten."""

EVERY = {"crlf-70s-hold": 70.0, "crlf-250s-hold": 250.0}
"""Strategies that send CRLF after so many seconds of silence, and never notice that nobody answers."""

SCENARIO = f"""\
title: Keep-alives, timers and lost mappings
topology: home-nat
transport: tls
population: {{ {", ".join(f"{name}: {share} %" for name, share in POPULATION.items())} }}
matrix:
  strategy:
    - pong-watchdog
{
    "".join(
        f"    - {{ name: {name}, mitigations: [ crlf-keepalive: {{ interval: {every:g} s }}, hold-transport ] }}"
        + chr(10)
        for name, every in EVERY.items()
    )
}\
  failure:
    - {{ name: idle }}
    - {{ name: evicted, faults: [ {{ evict-flow: {{ at: 57 s, node: home-nat }} }} ] }}
probes: [ {{ at: 290 s }} ]
ends: 296 s
"""


def share(*wanted: bool) -> float:
    return sum(each for each, it_is in zip(POPULATION.values(), wanted, strict=True) if it_is)


def predicted(every: float) -> tuple[float, float, float]:
    """The shares that a keep-alive reaches when idle, after its mapping was taken, and under both.

    Idle, a client is lost between the end of a timer and its next packet. A mapping that was taken comes back with the
    next packet, where the middlebox picks it up, and never elsewhere.
    """
    boxes: list[Middlebox] = [catalog.middlebox(name) for name in POPULATION]
    lasts = [(timer := box.established_idle_timeout) is None or timer > every for box in boxes]
    again = [box.forgotten.picks_up for box in boxes]
    return share(*lasts), share(*again), share(*(both and one for both, one in zip(lasts, again, strict=True)))


def test_what_the_catalogue_predicts(tmp_path: Path) -> None:
    """Where mappings are taken, a quicker keep-alive that does not supervise buys nothing: it is dominated."""
    file = tmp_path / "keep-alives.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    done = run("rank", file, "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    strategies = {each["name"]: each for each in found["strategies"]}
    for name, every in EVERY.items():
        idle, evicted, both = predicted(every)
        assert strategies[name]["by_failure"] == {"idle": pytest.approx(idle), "evicted": pytest.approx(evicted)}
        assert strategies[name]["share"] == pytest.approx(both)
        assert strategies[name]["wakeups"]["mean"] >= 3600 // every  # and what refreshes of the subscription add
    assert predicted(70.0)[0] > predicted(250.0)[0] > 0  # the prediction tells them apart
    assert strategies["pong-watchdog"]["share"] == pytest.approx(100.0)
    # the next ping after 57 s is due at 75 s and waits 10 s for its pong; then it subscribes anew, within a second
    assert 28.0 <= strategies["pong-watchdog"]["worst_outage_s"] <= 30.0
    assert {name: each["dominated_by"] for name, each in strategies.items()} == {
        "pong-watchdog": None,
        "crlf-250s-hold": None,
        "crlf-70s-hold": "crlf-250s-hold",
    }
    assert found["recommendation"]["strategy"] == "pong-watchdog"

    folder = tmp_path / "runs" / "latest"
    again = run(
        "rank", folder, "--reach", "80%", "--population", "linux-default=90%,azure-lb=10%", "--json", home=tmp_path
    )
    assert json.loads(again.stdout)["recommendation"]["strategy"] == "crlf-250s-hold"
    assert len(list((tmp_path / "runs").iterdir())) == 2  # nothing ran: there is the run and `latest`
    impossible = run("rank", folder, "--reach", "99%", "--at-most", "wakeups=30/h", home=tmp_path)
    assert impossible.returncode == 1
    assert "no strategy keeps all constraints" in impossible.stdout
