"""What the outcomes of twins make of a cell's own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.judge.twin_results import TwinOutcome, with_twins
from lab.model.outcome import Cause, ChainStep, CostUntilLoss, Outcome, ProbeFate, Suspect
from lab.model.scenario import Cell, Claim, Expectation
from lab.model.twin import AtMoment, LeftOut, Look, OtherSeed
from lab.model.verdict import CLIENT_IDLE_TIMER, MIDDLEBOX_FORGOT, Verdict
from lab.model.without import Without, WithoutFault, WithoutIdleTimer
from lab.units import Percent, Seconds
from tests.records import END, cell, flow_set_up, judged, probe, sentinel

PASSED = judged(cell(), *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)
IDLE = Cause(kind=CLIENT_IDLE_TIMER, at_s=33.0, text="the idle timer did it")
MUTE = Cause(kind=MIDDLEBOX_FORGOT, at_s=90.0, text="the middlebox did it")
FAILED = replace(
    PASSED,
    verdict=Verdict.FAIL,
    cause=IDLE,
    probes=(ProbeFate(at_s=100.0, kind_="notify", answered=False, cause=IDLE),),
    suspects=(Suspect(cause=IDLE, without=WithoutIdleTimer()), Suspect(cause=MUTE, without=WithoutFault(0))),
)
UNKNOWN = replace(PASSED, verdict=Verdict.INCONCLUSIVE, doubt="nobody knows")


def with_moment(outcome: Outcome, *, until: float | None = 40.0, of: Cell | None = None) -> Outcome:
    """A cell that passed, with one weak moment, at 34 s, whose twin came out so."""
    role = AtMoment(at_s=34.0, until_s=until, why="just then")
    return with_twins(of or cell(), PASSED, [TwinOutcome(role, outcome, "twins/x")], None)


def test_the_worst_moment_decides() -> None:
    """A probe that was answered says nothing of the moment at which another was lost."""
    seen = with_moment(FAILED)
    assert (seen.verdict, seen.cause, seen.seen_in) == (Verdict.FAIL, IDLE, "twins/x")
    assert [(one.at_s, one.reached, one.gap_s) for one in seen.tried] == [(34.0, False, 7.0)]  # from 33 s to 40 s


def test_a_moment_that_is_survived() -> None:
    """The verdict stays, and what was tried is told."""
    seen = with_moment(PASSED)
    assert (seen.verdict, seen.cause) == (Verdict.PASS, None)
    assert [(one.reached, one.gap_s) for one in seen.tried] == [(True, None)]


def test_a_moment_that_shows_nothing() -> None:
    """Then nobody knows, and a pass would be luck."""
    seen = with_moment(UNKNOWN)
    assert seen.verdict is Verdict.INCONCLUSIVE
    assert seen.doubt.endswith("nobody knows")


@pytest.mark.parametrize(("tolerated", "verdict"), [(6.9, Verdict.FAIL), (7.0, Verdict.PASS)])
def test_a_tolerated_gap(tolerated: float, verdict: Verdict) -> None:
    """A gap that the scenario tolerates is told and does not decide."""
    seen = with_moment(FAILED, of=replace(cell(), expect=Expectation(outage=Seconds(tolerated))))
    assert seen.verdict is verdict
    assert seen.tried[0].gap_s == 7.0


def test_a_gap_without_end_is_not_tolerated() -> None:
    """However long an outage is tolerated."""
    seen = with_moment(FAILED, until=None, of=replace(cell(), expect=Expectation(outage=Seconds(3600))))
    assert (seen.verdict, seen.tried[0].open_ended) == (Verdict.FAIL, True)


def test_the_worst_of_several_moments() -> None:
    """The longest gap comes first, then what is unknown, then what was survived."""
    roles = [AtMoment(at_s=at, until_s=until, why="") for at, until in ((34.0, 40.0), (35.0, 50.0), (36.0, 40.0))]
    twins = [
        TwinOutcome(role, each, str(role.at_s)) for role, each in zip(roles, (FAILED, FAILED, PASSED), strict=True)
    ]
    seen = with_twins(cell(), PASSED, twins, None)
    assert [one.at_s for one in seen.tried] == [35.0, 34.0, 36.0]
    assert seen.seen_in == "35.0"


def without(*came: tuple[tuple[Without, ...], Outcome]) -> Outcome:
    """A cell that failed with two suspects, and twins that came out so."""
    return with_twins(cell(), FAILED, [TwinOutcome(LeftOut(without=left), each, "") for left, each in came], None)


FIRST, SECOND = (WithoutIdleTimer(),), (WithoutFault(0),)


def test_the_cause_is_what_makes_the_difference() -> None:
    """The suspect without which the probe arrives, not the best guess."""
    seen = without((FIRST, FAILED), (SECOND, PASSED))
    assert seen.cause == MUTE
    assert "without it the probe arrives" in seen.left_out
    assert "without this it is lost: the idle timer did it" in seen.left_out


def test_the_chain_is_that_of_the_cause() -> None:
    """Of each probe that was lost for the first guess and arrives without the cause; what another found is its own."""
    fell, missed = (
        ChainStep(at_s=90.0, text="it forgot", evidence=(7,)),
        ChainStep(at_s=100.0, text="p1", evidence=(9,)),
    )
    again = ChainStep(at_s=105.0, text="p2", evidence=(11,))
    guessed = replace(IDLE, chain=(replace(fell, text="it closed"), missed))
    mute = replace(MUTE, chain=(fell, missed))
    p1 = ProbeFate(at_s=100.0, kind_="notify", answered=False, cause=guessed)
    p2, p3 = replace(p1, at_s=105.0, cause=replace(guessed, chain=(fell, again))), replace(p1, at_s=108.0)
    lost = replace(FAILED, cause=guessed, probes=(p1, p2, p3))
    own = replace(lost, suspects=(replace(FAILED.suspects[0], cause=guessed), replace(FAILED.suspects[1], cause=mute)))
    arrives = replace(p1, answered=True, cause=None)
    second = replace(PASSED, probes=(arrives, arrives, p3))
    twins = [TwinOutcome(LeftOut(without=FIRST), lost, ""), TwinOutcome(LeftOut(without=SECOND), second, "")]
    seen = with_twins(cell(), own, twins, None)
    assert seen.cause == mute
    assert [fate.cause for fate in seen.probes] == [mute, replace(mute, chain=(again,)), guessed]


def test_either_makes_the_difference() -> None:
    """The better guess stays; the other is told."""
    seen = without((FIRST, PASSED), (SECOND, PASSED))
    assert seen.cause == IDLE
    assert "so it does without this: the middlebox did it" in seen.left_out


def test_two_together() -> None:
    """None alone is it; the report says which are it together, and that nothing is where nothing is."""
    together = without((FIRST, FAILED), (SECOND, FAILED), ((*FIRST, *SECOND), PASSED))
    assert "these do together: the idle timer did it; the middlebox did it" in together.left_out
    neither = without((FIRST, FAILED), (SECOND, FAILED), ((*FIRST, *SECOND), FAILED))
    assert (neither.cause, neither.left_out.split(":")[0]) == (IDLE, "tried")
    assert "lost without any" in neither.left_out


def looks(*came: Outcome, expect: Expectation | None = None) -> Outcome:
    """A cell whose probes are apart, every 10 s, the last of them its own."""
    times = tuple(Seconds(10.0 * (number + 1)) for number in range(len(came)))
    subject = replace(cell(), apart=times, expect=expect or Expectation(reachable=Percent(90)))
    twins = [TwinOutcome(Look(at_s=float(at)), each, f"at {at}") for at, each in zip(times, came[:-1], strict=False)]
    return with_twins(subject, came[-1], twins, None)


def test_the_share_of_the_time() -> None:
    """So many of the probes as are asked for must be accepted; the first that was not gives the cause."""
    enough = looks(*[PASSED] * 4, FAILED, *[PASSED] * 5)
    assert enough.verdict is Verdict.PASS
    assert enough.reachability is not None
    assert (enough.reachability.share, enough.reachability.longest_gap_s) == (0.9, 20.0)
    few = looks(PASSED, FAILED, FAILED, PASSED)
    assert (few.verdict, few.cause, few.seen_in) == (Verdict.FAIL, IDLE, "at 20 s")
    assert few.reachability is not None
    assert few.reachability.longest_gap_s == 30.0


def test_looks_that_show_nothing() -> None:
    """Where they could change the verdict nobody knows; where they cannot, they do not matter."""
    assert looks(*[PASSED] * 9, UNKNOWN).verdict is Verdict.PASS
    assert looks(*[PASSED] * 8, UNKNOWN, UNKNOWN).verdict is Verdict.INCONCLUSIVE
    assert looks(FAILED, FAILED, PASSED, UNKNOWN).verdict is Verdict.FAIL


def test_a_tolerated_outage_of_looks() -> None:
    """The longest gap is compared with what is tolerated."""
    some = (PASSED, FAILED, PASSED)
    assert looks(*some, expect=Expectation(outage=Seconds(20))).verdict is Verdict.PASS
    assert looks(*some, expect=Expectation(outage=Seconds(19))).verdict is Verdict.FAIL


def test_a_verdict_that_depends_on_the_seed() -> None:
    """Both stories are told, and the verdict is none."""
    same = with_twins(cell(), PASSED, [TwinOutcome(OtherSeed(seed=2), PASSED, "")], None)
    assert (same.verdict, [one.seed for one in same.seeds]) == (Verdict.PASS, [1, 2])
    other = with_twins(cell(), PASSED, [TwinOutcome(OtherSeed(seed=2), FAILED, "")], None)
    assert other.verdict is Verdict.INCONCLUSIVE
    assert "pass with 1; fail with 2 (the idle timer did it)" in other.doubt


def test_costs_are_those_of_the_silent_twin() -> None:
    """The figures per hour, and when it lost its connection; the rest stays the cell's own."""
    lost = CostUntilLoss(at_s=33.0, packets=0, bytes=0, wakeups=0)
    silent = replace(PASSED.metrics, packets_per_hour=7.0, observed_s=3599.0, lost=lost, delivered=0)
    metrics = with_twins(cell(), PASSED, [], silent).metrics
    assert (metrics.measured, metrics.packets_per_hour, metrics.lost, metrics.delivered) == (True, 7.0, lost, 1)
    assert not with_twins(cell(), PASSED, [], None).metrics.measured


def test_the_claim_is_of_the_whole() -> None:
    """What is claimed is compared with what the twins made of the cell."""
    subject = replace(cell(), claim=Claim(verdict=Verdict.PASS))
    assert with_twins(subject, PASSED, [], None).claim_holds
    seen = with_moment(FAILED, of=subject)
    assert (seen.claim_holds, seen.claim_text) == (False, "claimed pass, seen fail")
