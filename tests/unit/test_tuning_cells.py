"""What ``lab tune`` is asked, and the cells that it makes of that: names, ranges, and times of probes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from lab.api import build
from lab.errors import ScenarioError
from lab.model.scenario import Scenario, Transport
from lab.model.verdict import Verdict
from lab.tuning.parameters import parameters_of
from lab.tuning.request import read_request
from lab.tuning.starting_cells import Start
from lab.tuning.trials import Setting, cell_with, lost_in_silence, priced
from tests.e2e.lab_command import ROOT
from tests.records import END, MAPPED, cell, changed, evidence, flow_set_up, forgot

RANGE = "10s..30min"


def scenario(**more: Any) -> Scenario:
    """A scenario with two middleboxes and two strategies."""
    content = {
        "title": "t",
        "topology": "home-nat",
        "matrix": {"strategy": ["none", "crlf-30s-hold"], "middlebox": ["silent-60s", "aws-nlb"]},
        "probes": [{"at": "45 s"}],
        "ends": "51 s",
    }
    return build({**content, **more}, folder=ROOT)


def starts(
    vary: Sequence[str] = (f"interval={RANGE}",), strategies: Sequence[str] = (), of: Scenario | None = None
) -> tuple[Start, ...]:
    """Where searches start."""
    return read_request(of or scenario(), vary=vary, strategies=strategies, resolution="1s").starts


def problems(vary: Sequence[str], strategies: Sequence[str] = (), of: Scenario | None = None, close: str = "1s") -> str:
    """All problems in one text."""
    with pytest.raises(ScenarioError) as raised:
        read_request(of or scenario(), vary=vary, strategies=strategies, resolution=close)
    return str(raised.value)


# Where searches start


def test_strategies_that_have_the_parameter() -> None:
    """Unless told, those of the scenario."""
    assert [each.cell.name for each in starts()] == ["silent-60s,crlf-30s-hold", "aws-nlb,crlf-30s-hold"]
    assert [each.names for each in starts()] == [("interval",), ("interval",)]


def test_a_strategy_of_the_catalog_and_a_mitigation() -> None:
    """Each takes the place of the scenario's strategies, once for each other combination."""
    found = starts(strategies=["refresh-25s", "options-ping"])
    names = [f"{box},{strategy}" for strategy in ("refresh-25s", "options-ping") for box in ("silent-60s", "aws-nlb")]
    assert [each.cell.name for each in found] == names
    assert dict(found[-1].cell.axes) == {"strategy": "options-ping", "middlebox": "aws-nlb"}
    (ping,) = found[-1].cell.strategy.mitigations
    assert (ping.kind, ping.interval) == ("options-ping", 10)


def test_a_strategy_where_the_scenario_sweeps_none() -> None:
    """The name of each cell says it."""
    one = scenario(matrix={"middlebox": ["silent-60s", "aws-nlb"]})
    assert [each.cell.name for each in starts(strategies=["options-ping"], of=one)] == [
        "options-ping,silent-60s",
        "options-ping,aws-nlb",
    ]


def test_parameters_of_the_account() -> None:
    """A phone that registers has an expiry, unless a mitigation registers with one of its own."""
    phone = scenario(client={"account": "register"}, ends="90 s", matrix={"strategy": ["none", "register-60s"]},
                     middlebox="silent-60s")  # fmt: skip
    none, registers = phone.cells
    assert "account.expires" in [each.name for each in parameters_of(none)]
    assert "account.expires" not in [each.name for each in parameters_of(registers)]
    (start,) = starts(["expires=10s..300s"], of=phone)
    tried = cell_with(start.cell, [Setting(start.varied[0][0], "expires", 60.0)])
    assert tried.client.registration is not None
    assert float(tried.client.registration.expires) == 60
    (subscriber, *_) = scenario().cells
    assert [each.name for each in parameters_of(subscriber)] == []


def test_combinations_that_cannot_exist_are_kept_with_the_reason() -> None:
    """The answer says why there is no search."""
    both = scenario(matrix={"strategy": ["crlf-30s"], "transport": ["udp", "tls"]}, middlebox="silent-60s")
    udp, tls = starts(of=both)
    assert "not on udp" in str(udp.cell.unsupported)
    assert tls.cell.unsupported == ""


def test_all_problems_at_once() -> None:
    """Names with the nearest ones, ranges, and the resolution."""
    said = problems(["intervall", "interval=30min..10s", "=1s..2s"], ["options-pong"], close="often")
    assert "--vary: not a parameter and its range, got `intervall`" in said
    assert "--vary interval: not a range from a shorter to a longer time" in said
    assert "no such strategy, and no such mitigation, got `options-pong`; did you mean `options-ping`?" in said
    assert "--resolution" in said


@pytest.mark.parametrize(
    ("vary", "strategies", "expected"),
    [
        (["intervl=10s..20s"], [], "did you mean `interval`?"),
        (["expiry=10s..20s"], ["options-ping"], "--strategy options-ping.interval: missing"),
        (["interval=10s..60s", "interval=20s..30s"], ["crlf-30s"], "--vary interval: given twice"),
        (["expiry=10s..20s"], ["crlf-30s"], "crlf-30s has none of the parameters to vary, got `expiry`"),
        (["interval=500ms..20s"], ["crlf-30s"], "not whole seconds"),
        (["expiry=10s..1h"], ["register-300s"], "the server grants 300 s at most, got `3600 s`"),
        (["expiry=10s..1h"], ["short-expiry-30s"], "`server: { subscription-expires: 3600 s }` in the scenario"),
    ],
)
def test_a_problem(vary: list[str], strategies: list[str], expected: str) -> None:
    """Nothing is started."""
    assert expected in problems(vary, strategies)


def test_an_ambiguous_name() -> None:
    """The whole names tell the parameters apart, with the strategy's where several strategies have them."""
    two = [{"options-ping": {"interval": "25 s"}}, {"crlf-keepalive": {"interval": "30 s"}}]
    both = scenario(matrix={"strategy": [{"name": "both", "mitigations": two}, "crlf-30s"]}, middlebox="silent-60s")
    said = problems([f"interval={RANGE}"], of=both)
    assert "several parameters of both have this name, got `interval`" in said
    assert "use options-ping.interval or crlf-keepalive.interval" in said
    (start,) = starts([f"options-ping.interval={RANGE}"], of=both)
    assert start.names == ("options-ping.interval",)
    assert len(starts([f"crlf-keepalive.interval={RANGE}"], of=both)) == 2
    assert len(starts([f"crlf-30s.crlf-keepalive.interval={RANGE}"], of=both)) == 1


def test_nothing_can_exist() -> None:
    """Then nothing is searched for."""
    udp = scenario(matrix={"strategy": ["crlf-30s"]}, middlebox="silent-60s", transport="udp")
    said = problems([f"interval={RANGE}"], of=udp)
    assert "no cell that can exist: crlf-keepalive exists on tcp, tls, ws and wss only" in said


# The cell that tries a value


def tried(value: float, start: Start) -> Any:
    """The cell that tries it."""
    return cell_with(start.cell, [Setting(start.varied[0][0], start.names[0], value)])


def test_the_probe_follows_the_interval() -> None:
    """Two intervals, and ten seconds; never so soon that pjsip's own timers have not ended."""
    start = starts()[0]
    for value, at in ((10, 120), (55, 120), (60, 130), (1800, 3610)):
        cell = tried(value, start)
        assert [float(probe.at) for probe in cell.probes] == [at]
        assert float(cell.ends) >= at + 5
        assert cell.strategy.mitigations[0].interval == value
    assert cell.name == "silent-60s,crlf-30s-hold,interval-1800s"
    assert cell.axes[-1] == ("value", "interval-1800s")


def test_the_probe_comes_after_a_lifetime_and_not_before_the_scenarios_own() -> None:
    """A mapping that lives for 10 minutes ends before the probe, however short the interval is."""
    old = {"name": "old", "base": "silent-60s", "lifetime": "600 s"}
    aged = scenario(matrix={"strategy": ["crlf-30s-hold"], "middlebox": [old]})
    assert float(tried(10, *starts(of=aged)).probes[0].at) == 610
    late = scenario(probes=[{"at": "10 s"}, {"at": "400 s"}], ends="406 s")
    assert [float(probe.at) for probe in tried(10, starts(of=late)[0]).probes] == [400]


def test_the_end_is_clear_of_a_timer() -> None:
    """The sentinel is challenged at the end, which must not be the very moment at which the middlebox forgets."""
    nlb = starts()[1]
    ends = [float(tried(value, nlb).ends) for value in range(150, 180)]
    assert not [end for end in ends if 349 < end < 358]
    assert 358 in ends


def test_probes_stay_where_faults_are() -> None:
    """They say when the client is to be back."""
    faulty = scenario(faults=[{"server-restart": {"at": "20 s"}}])
    assert [float(probe.at) for probe in tried(60, starts(of=faulty)[0]).probes] == [45, 130]


def test_costs_are_measured_of_the_safe_value_alone() -> None:
    """A trial has no silent hour; the cell that has one is the same but for that, so it shares the record."""
    start = starts()[0]
    trial = tried(59, start)
    assert float(trial.silent_over) == 0
    again = priced(start.cell, trial)
    assert float(again.silent_over) == 3600
    assert again.name == f"{trial.name},costs"
    assert (again.probes, again.ends, again.strategy) == (trial.probes, trial.ends, trial.strategy)


@pytest.mark.parametrize(
    ("transport", "lack_s", "lost"),
    [
        (Transport.UDP, 3.5, False),
        (Transport.UDP, 3.7, True),
        (Transport.UDP, 4.9, True),
        (Transport.TLS, 3.7, False),
    ],
)
def test_a_gap_of_the_silent_hour(transport: Transport, lack_s: float, lost: bool) -> None:
    """Over UDP a request is sent for the last time 3.5 s after its beginning: a longer gap can lose one."""
    proto = "udp" if transport is Transport.UDP else "tcp"
    gone, again = changed(forgot(60.0), proto=proto), changed(MAPPED, t=60.0 + lack_s, proto=proto)
    one = dataclasses.replace(cell(), transport=transport)
    hour = evidence(one, *flow_set_up(), gone, again, END)
    run: Any = SimpleNamespace(
        cell=one,
        name="x",
        outcome=SimpleNamespace(metrics=SimpleNamespace(lost=None)),
        silent=SimpleNamespace(evidence=hour),
    )
    trial = lost_in_silence(run, 35.0)
    assert (trial is not None) == lost
    assert trial is None or (trial.verdict is Verdict.FAIL and trial.at_s == 60.0)
