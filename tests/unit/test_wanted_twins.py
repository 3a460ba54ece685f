"""Which twins a run has: what the command's options ask for, and what a record gives reason to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import main
from lab.cli import run as run_command
from lab.engine.cell_run import CellRun
from lab.engine.twins.plan import afterwards, beforehand, possible
from lab.faults.link_down import LinkDown
from lab.model.scenario import Cell
from lab.model.twin import AtMoment, LeftOut, OtherSeed, Role, Silent, TwinPlan
from lab.model.without import WithoutFault, WithoutIdleTimer
from lab.units import Seconds
from lab.worlds.clock import Clock
from tests.lost_probes import AT, SECOND
from tests.records import (
    CLIENT,
    END,
    REMOTE,
    SUBSCRIPTION,
    Line,
    begins,
    cell,
    changed,
    evidence,
    flow_set_up,
    idle_timer,
    packet,
    probe,
    sentinel,
    with_fault,
)

DEFAULT = TwinPlan(moments=1, causes=True, costs=True, seeds=1)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ((), DEFAULT),
        (("--moments", "3"), TwinPlan(moments=3, causes=True, costs=True)),
        (("--moments", "0"), TwinPlan(moments=0, causes=True, costs=True)),
        (("--no-causes",), TwinPlan(moments=1, causes=False, costs=True)),
        (("--no-costs",), TwinPlan(moments=1, causes=True, costs=False)),
        (("--seeds", "5"), TwinPlan(moments=1, causes=True, costs=True, seeds=5)),
    ],
)
def test_the_options_of_lab_run(options: tuple[str, ...], wanted: TwinPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each option reaches the engine."""
    asked: list[Any] = []

    def take(files: list[Path], options: run_command.Options) -> int:
        asked.append(options.twins)
        return 0

    monkeypatch.setattr(run_command, "run_files", take)
    said = CliRunner().invoke(main.app, ["run", "scenarios/article/idle-subscription.yaml", *options])
    assert said.exit_code == 0, said.output
    assert asked == [wanted]


def test_fewer_than_no_moments_is_refused() -> None:
    said = CliRunner().invoke(main.app, ["run", "x.yaml", "--moments", "-1"])
    assert said.exit_code == 2
    assert "--moments" in said.output


def test_real_time_has_no_time_for_all() -> None:
    """Costs and causes are for virtual time; moments are tried in both."""
    assert possible(DEFAULT, Clock.VIRTUAL) == DEFAULT
    assert possible(DEFAULT, Clock.REAL) == TwinPlan(moments=1, causes=False, costs=False)


def roles(wanted: TwinPlan, *lines: Line, of: Cell | None = None, role: Role | None = None) -> list[Role]:
    """The twins that follow from a record."""
    subject = of or cell()
    ran = CellRun(Path("x"), subject)
    shown = evidence(subject, *flow_set_up(), *sentinel("delivered"), *lines, END)
    ran.__dict__["evidence"] = shown  # as if it had been read
    return [role for role, _ in afterwards(ran, role, wanted)]


ON_LAN = packet(55.0, "lan", CLIENT, SECOND, REMOTE, flags="S", payload=0)
"""The client asks for a new connection."""
AGAIN = changed(SUBSCRIPTION, t=36.0, id="s2")
GAPS = [idle_timer(33.0), AGAIN, idle_timer(70.0), changed(SUBSCRIPTION, t=80.0, id="s3")]
PASSES = [*GAPS, *probe(1, 100.0, answered=True)]


def test_so_many_weakest_moments_of_a_pass() -> None:
    """The weakest first; none if none is asked for."""
    tried = roles(TwinPlan(moments=2), *PASSES)
    assert [one.at_s for one in tried if isinstance(one, AtMoment)] == [71.0, 33.375]
    assert roles(TwinPlan(moments=1), *PASSES) == tried[:1]
    assert roles(TwinPlan(moments=0, causes=True, costs=True), *PASSES) == []


def test_a_twin_at_a_moment_has_no_such_twins() -> None:
    """One of another seed has."""
    assert roles(TwinPlan(moments=1), *PASSES, role=AtMoment(at_s=1.0, until_s=None, why="")) == []
    assert len(roles(TwinPlan(moments=1), *PASSES, role=OtherSeed(seed=2))) == 1


def test_each_suspect_of_a_fail() -> None:
    """One twin without each of several, one without all; none if causes are not asked for, or there is one suspect."""
    down = LinkDown(at=AT, lasts=Seconds(8), link="lan")
    struck = begins(down, down.Proof(link="lan", rules=2, lasts=8.0), until=58.0)
    ate = probe(1, 100.0, answered=False)
    lines = [idle_timer(33.0), *struck, ON_LAN, *ate]
    found = roles(TwinPlan(causes=True), *lines, of=with_fault(down))
    assert found == [
        LeftOut(without=(WithoutFault(0),)),
        LeftOut(without=(WithoutIdleTimer(),)),
        LeftOut(without=(WithoutFault(0), WithoutIdleTimer())),
    ]
    assert roles(TwinPlan(moments=9, causes=False), *lines, of=with_fault(down)) == []
    assert roles(TwinPlan(causes=True), idle_timer(33.0), *ate) == []


def test_before_a_run() -> None:
    """A silent hour, and other seeds, if they are asked for."""
    made = [role for role, _ in beforehand(cell(), TwinPlan(costs=True, seeds=3))]
    assert made == [OtherSeed(seed=2), OtherSeed(seed=3), *[Silent(over_s=3600.0)] * 3]  # an hour with each seed
    assert list(beforehand(cell(), TwinPlan(moments=1, causes=True))) == []
