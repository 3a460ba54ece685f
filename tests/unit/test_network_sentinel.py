"""What the sentinel must have met, and when its record casts doubt."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from lab.judge.sentinel import Kept, doubt, expected, forgets, middleboxes_on_path, outcome_of
from lab.judge.story import Story
from lab.model.fault import Reboot
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.model.scenario import Cell, Client, Expectation, Server, Strategy, Transport
from lab.model.topology import Topology
from lab.model.when import When
from lab.units import Seconds

SILENT, REPICKUP, NEW_PORT, TO_SENDER, TO_INSIDE, TO_BOTH, FIN, ICMP = (
    Middlebox(name=f.value, forgotten=f) for f in ForgottenFlow
)
YES, EXPIRED, LOST, _ = Kept


def after(box: Middlebox, seconds: float) -> Middlebox:
    return replace(box, established_idle_timeout=Seconds(seconds))


@pytest.mark.parametrize(
    ("path", "met"),
    [
        ([], ("delivered", "delivered")),
        ([(SILENT, YES)], ("delivered", "delivered")),
        ([(SILENT, EXPIRED)], ("silent", "silent")),
        ([(REPICKUP, EXPIRED)], ("delivered", "silent")),
        ([(TO_SENDER, EXPIRED)], ("reset", "reset")),
        ([(TO_INSIDE, EXPIRED)], ("reset", "silent")),
        ([(NEW_PORT, EXPIRED)], ("reset", "silent")),
        ([(TO_BOTH, EXPIRED)], ("reset", "reset")),
        ([(TO_BOTH, LOST)], ("silent", "silent")),
        ([(FIN, EXPIRED)], ("closed", "silent")),
        ([(FIN, LOST)], ("silent", "silent")),
        ([(ICMP, EXPIRED)], ("unreachable", "silent")),
        # two: the client's home, then the carrier's. Each side meets first what is nearest to it
        ([(SILENT, EXPIRED), (TO_SENDER, EXPIRED)], ("silent", "reset")),
        ([(TO_SENDER, YES), (TO_INSIDE, EXPIRED)], ("reset", "silent")),
        ([(REPICKUP, EXPIRED), (TO_SENDER, EXPIRED)], ("reset", "reset")),
        ([(REPICKUP, EXPIRED), (SILENT, YES)], ("delivered", "silent")),
        ([(TO_SENDER, EXPIRED), (SILENT, YES)], ("reset", "reset")),
        ([(NEW_PORT, EXPIRED), (SILENT, YES)], ("silent", "silent")),
        ([(NEW_PORT, EXPIRED), (REPICKUP, YES)], ("reset", "silent")),
        # what is said at expiry passes only who still has the flow
        ([(after(SILENT, 90), EXPIRED), (after(TO_BOTH, 60), EXPIRED)], ("reset", "reset")),
        ([(after(SILENT, 30), EXPIRED), (after(TO_BOTH, 60), EXPIRED)], ("silent", "reset")),
        ([(after(TO_BOTH, 60), EXPIRED), (after(TO_SENDER, 30), EXPIRED)], ("reset", "reset")),
        ([(after(FIN, 60), EXPIRED), (SILENT, YES)], ("closed", "silent")),
    ],
)
def test_expected(path: list[tuple[Middlebox, Kept]], met: tuple[str, str]) -> None:
    """Each side meets the nearest middlebox that has forgotten the flow and does not pick it up again."""
    assert met == expected(path)


def test_forgets_at_its_timeout() -> None:
    """A flow is forgotten at the timeout, not before; without one, never."""
    box = replace(SILENT, established_idle_timeout=Seconds(60))
    assert [forgets(box, idle=idle) for idle in (59.9, 60.0, 61.0)] == [False, True, True]
    assert not forgets(SILENT, idle=1e9)


def test_path(one_home: Topology) -> None:
    """The middlebox between client and server is found from the topology."""
    assert middleboxes_on_path(one_home) == ("home-nat",)


def _cell(one_home: Topology, box: Middlebox) -> Cell:
    return Cell(
        scenario="s",
        name="c",
        axes=(),
        seed=1,
        topology=one_home,
        middleboxes=(("home-nat", box),),
        transport=Transport.TCP,
        server=Server(),
        client=Client(),
        strategy=Strategy(name="none"),
        faults=FAULTS,
        probes=(),
        expect=Expectation(),
        ends=Seconds(100),
        claim=None,
    )


def _lines(inside: str, outside: str, *more: dict[str, Any], idle: float = 62.0) -> Story:
    """A record in which both flows fell quiet at t = 0 and were challenged after ``idle`` seconds."""
    lines: list[dict[str, Any]] = []
    for flow, outcome, port in (("from-inside", inside, 1), ("from-outside", outside, 2)):
        base = {"who": "sentinel", "ev": "sentinel", "flow": flow}
        lines += [
            {**base, "t": 0.0, "state": "established", "local": f"10.0.0.2:{port}", "remote": "203.0.113.10:5099"},
            {**base, "t": idle, "state": "sent", "idle": idle},
            {**base, "t": idle + 3, "state": outcome, "took": 3.0, "reason": "", "peer": ""},
        ]
    return Story(sorted([*lines, *more], key=lambda line: float(line["t"])))


def _destroyed(t: float) -> dict[str, Any]:
    return {
        "who": "middlebox",
        "ev": "mapping",
        "t": t,
        "state": "destroyed",
        "node": "home-nat",
        "inside": "10.0.0.2:1",
        "tcp_state": "ESTABLISHED",
    }


BOX = replace(TO_INSIDE, established_idle_timeout=Seconds(60))
FAULTS = (Reboot(at=When(offset=20.0), node="home-nat"), Reboot(at=When(offset=20.0), node="other"))
FAULT = {"who": "runner", "ev": "fault", "n": 0}


@pytest.mark.parametrize(
    ("box", "story"),
    [
        (BOX, _lines("reset", "silent")),
        (BOX, _lines("reset", "silent", _destroyed(60.0))),
        (BOX, _lines("delivered", "delivered", idle=30.0)),
        (BOX, _lines("reset", "silent", {**FAULT, "t": 20.0}, _destroyed(20.0), idle=30.0)),
        (TO_INSIDE, _lines("delivered", "delivered")),
    ],
)
def test_no_doubt(one_home: Topology, box: Middlebox, story: Story) -> None:
    """The record shows what the scenario says, with its faults taken into account."""
    assert doubt(_cell(one_home, box), story) == ""


@pytest.mark.parametrize(
    ("box", "story", "why"),
    [
        (BOX, _lines("silent", "silent"), "from inside after 62.0 s of silence.*`reset`, showed `silent`"),
        (BOX, _lines("reset", "delivered"), "from outside .*`silent`, showed `delivered`"),
        (BOX, _lines("reset", "silent", idle=30.0), "`delivered`, showed `reset`"),
        (BOX, _lines("reset", "silent", _destroyed(40.0)), "after 40.0 s, not 60 s"),
        (TO_INSIDE, _lines("delivered", "delivered", _destroyed(40.0)), "not never"),
        (BOX, Story([]), "not challenged"),
        (BOX, _lines("failed", "silent"), "showed `failed`"),
        (BOX, _lines("reset", "silent", {**FAULT, "n": 1, "t": 20.0}, idle=30.0), "`delivered`"),
    ],
)
def test_doubt(one_home: Topology, box: Middlebox, story: Story, why: str) -> None:
    """Whatever differs from what the scenario says is told."""
    assert re.search(why, doubt(_cell(one_home, box), story))


def test_outcome_of() -> None:
    """What came of each challenge, for those who tell causes."""
    story = _lines("reset", "silent")
    assert (outcome_of(story, "from-inside"), outcome_of(story, "from-outside")) == ("reset", "silent")
    assert outcome_of(Story([]), "from-inside") == ""
