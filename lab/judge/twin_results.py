"""Combines the outcome of a cell with the outcomes of its twins. Pure.

A cell's own record says what its probes found. Its twins say what else must be known before that is a verdict: what a
probe finds at the client's weakest moment, which of several suspects made the difference, what the strategy costs when
nobody probes, and whether another seed shows another thing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from lab.judge.claims import claimed
from lab.judge.reachability import Reach, sample, windows
from lab.judge.reachability import ReachabilitySample as Seen
from lab.model.outcome import Cause, Metrics, Outcome, ProbeFate, ProbeTrial, Reachability, SeedOutcome, Suspect
from lab.model.scenario import Cell
from lab.model.twin import AtMoment, LeftOut, Look, OtherSeed, Role
from lab.model.verdict import Verdict
from lab.model.without import Without


@dataclasses.dataclass(frozen=True, slots=True)
class TwinOutcome:
    """The outcome of a twin.

    Attributes:
        role: the question it answers.
        outcome: its own, whole.
        folder: in the run folder.
    """

    role: Role
    outcome: Outcome
    folder: str


def with_twins(cell: Cell, own: Outcome, twins: Sequence[TwinOutcome], silent: Metrics | None) -> Outcome:
    """Return a cell's outcome in the light of its twins'.

    Args:
        cell: what was run.
        own: what its own record says.
        twins: those that ran to their end, in any order.
        silent: what it costs per hour, measured; None: it was not.
    """
    outcome = _with_costs(own, silent)
    outcome = _by_leaving_out(outcome, [twin for twin in twins if isinstance(twin.role, LeftOut)])
    if cell.apart:
        outcome = _by_looks(cell, outcome, [twin for twin in twins if isinstance(twin.role, Look)])
    outcome = _by_moments(cell, outcome, [twin for twin in twins if isinstance(twin.role, AtMoment)])
    outcome = _by_seeds(cell, outcome, [twin for twin in twins if isinstance(twin.role, OtherSeed)])
    return claimed(cell, outcome)


def _with_costs(own: Outcome, silent: Metrics | None) -> Outcome:
    """Put figures per hour that were measured in the place of the estimates."""
    if silent is None:
        return own
    names = ("packets_per_hour", "bytes_per_hour", "radio_wakeups_per_hour", "radio_active_s_per_hour", "observed_s")
    measured = {name: getattr(silent, name) for name in (*names, "lost")}
    return dataclasses.replace(own, metrics=dataclasses.replace(own.metrics, measured=True, **measured))


# Which of several suspects made the difference


def _by_leaving_out(own: Outcome, twins: Sequence[TwinOutcome]) -> Outcome:
    """Take for the cause the suspect without which the first lost probe arrives."""
    lost = next((place for place, probe in enumerate(own.probes) if not probe.answered), None)
    if own.verdict is not Verdict.FAIL or lost is None or not twins:
        return own
    by_what = {_role(twin).without: twin.outcome for twin in twins}
    arrived = {without: _arrives(outcome, lost) for without, outcome in by_what.items()}
    probes = own.probes
    alone = [suspect for suspect in own.suspects if suspect.without and arrived.get((suspect.without,))]
    if alone:
        told = f"tried: without it the probe arrives{_others(own.suspects, alone, arrived)}"
        cause = alone[0].cause
        probes = _lost_for(own, cause, by_what[(alone[0].without,)]) if alone[0].without else probes
    else:
        cause = own.suspects[0].cause
        together = next((without for without, came in arrived.items() if came and len(without) > 1), None)
        if together:
            texts = [each.cause.text for each in own.suspects if each.without in together]
            told = f"tried: none alone made the difference, these do together: {'; '.join(texts)}"
        else:
            told = "tried: the probe is lost without any of what was missing at that time, too"
    return dataclasses.replace(own, cause=cause, left_out=told, probes=probes)


def _lost_for(own: Outcome, cause: Cause, without: Outcome) -> tuple[ProbeFate, ...]:
    """Return the fates of the probes: what was lost for the first guess and arrives without the cause has the cause.

    The chain leads to the first of them; of the others it is what they found.
    """
    guess = own.cause
    found: list[ProbeFate] = []
    chain = cause.chain
    for number, fate in enumerate(own.probes):
        told = fate.cause
        same = told is not None and guess is not None and (told.kind, told.at_s) == (guess.kind, guess.at_s)
        if told is not None and same and _arrives(without, number):
            found.append(dataclasses.replace(fate, cause=dataclasses.replace(cause, chain=chain or told.chain[-1:])))
            chain = ()
        else:
            found.append(fate)
    return tuple(found)


def _role(twin: TwinOutcome) -> LeftOut:
    assert isinstance(twin.role, LeftOut)
    return twin.role


def _arrives(outcome: Outcome, number: int) -> bool:
    return number < len(outcome.probes) and outcome.probes[number].answered


def _others(suspects: Sequence[Suspect], alone: Sequence[Suspect], arrived: dict[tuple[Without, ...], bool]) -> str:
    """Say what became of the other suspects that were left out."""
    too = [each.cause.text for each in alone[1:]]
    not_ = [each.cause.text for each in suspects if each.without and arrived.get((each.without,)) is False]
    return "".join(
        [f"; so it does without this: {text}" for text in too] + [f"; without this it is lost: {text}" for text in not_]
    )


# Whether the client is within reach at its weakest moments


def _by_moments(cell: Cell, own: Outcome, twins: Sequence[TwinOutcome]) -> Outcome:
    """Let the worst of a passing cell's weakest moments decide."""
    if own.verdict is not Verdict.PASS or not twins:
        return own
    pairs = sorted(((_tried(twin), twin.outcome) for twin in twins), key=lambda pair: _badness(pair[0]), reverse=True)
    worst, shown = pairs[0]
    outcome = dataclasses.replace(own, tried=tuple(tried for tried, _ in pairs))
    if worst.reached is False and (worst.open_ended or (worst.gap_s or 0.0) > float(cell.expect.outage)):
        return dataclasses.replace(
            outcome,
            verdict=Verdict.FAIL,
            cause=_last(shown),
            suspects=shown.suspects,
            left_out=shown.left_out,
            seen_in=worst.folder,
            kept_by=(),
        )
    doubted = next(((tried, seen) for tried, seen in pairs if tried.reached is None), None)
    if doubted is None:
        return outcome
    tried, seen = doubted
    doubt = f"a probe at its weakest moment ({tried.at_s:.1f} s, {tried.why}) showed nothing: {seen.doubt}"
    return dataclasses.replace(outcome, verdict=Verdict.INCONCLUSIVE, doubt=doubt, seen_in=tried.folder, kept_by=())


def _tried(twin: TwinOutcome) -> ProbeTrial:
    role, seen = twin.role, twin.outcome
    assert isinstance(role, AtMoment)
    reached = seen.probes[-1].answered if seen.verdict in (Verdict.PASS, Verdict.FAIL) else None
    gap = None
    if reached is False and role.until_s is not None:
        cause = _last(seen)
        since = role.at_s if cause is None or cause.at_s is None else cause.at_s
        gap = round(max(0.0, role.until_s - min(since, role.at_s)), 3)
    return ProbeTrial(at_s=role.at_s, why=role.why, reached=reached, gap_s=gap, folder=twin.folder)


def _last(outcome: Outcome) -> Cause | None:
    """Return the cause of the last probe's loss."""
    return outcome.probes[-1].cause or outcome.cause


def _badness(tried: ProbeTrial) -> tuple[int, float]:
    rank = {False: 2, None: 1, True: 0}[tried.reached]
    return rank, float("inf") if tried.open_ended else tried.gap_s or 0.0


# Probes that are each in a cell of their own


def _by_looks(cell: Cell, own: Outcome, twins: Sequence[TwinOutcome]) -> Outcome:
    """Judge a cell by all its looks; its own probe is one of them."""
    if own.verdict in (Verdict.UNSUPPORTED,) or len(twins) + 1 < len(cell.apart):
        return own
    seen = [(_at(twin), twin.outcome, twin.folder) for twin in twins]
    seen = sorted([*seen, (float(cell.apart[-1]), own, "")], key=lambda one: one[0])
    looks = [sample(at, outcome) for at, outcome, _ in seen]
    reachability = _reachability(looks, float(cell.ends))
    outcome = dataclasses.replace(own, reachability=reachability)
    needed = float(cell.expect.delivered if cell.expect.reachable is None else cell.expect.reachable)
    best = 100 * (reachability.reached + reachability.unknown) / reachability.looks
    least = 100 * reachability.reached / reachability.looks
    tolerated = 0 < reachability.longest_gap_s <= float(cell.expect.outage)
    lost = next(((each, folder) for _, each, folder in seen if each.verdict is Verdict.FAIL), None)
    doubted = next((each for _, each, _ in seen if each.verdict is Verdict.INCONCLUSIVE), None)
    if least >= needed or (tolerated and not reachability.unknown):
        return dataclasses.replace(outcome, verdict=Verdict.PASS, cause=None, doubt="")
    if best < needed and lost is not None:
        first, folder = lost
        return dataclasses.replace(
            outcome, verdict=Verdict.FAIL, doubt="", cause=first.cause, left_out=first.left_out, seen_in=folder
        )
    doubt = f"{reachability.unknown} of {reachability.looks} probes showed nothing" + (
        f": {doubted.doubt}" if doubted is not None else ""
    )
    return dataclasses.replace(outcome, verdict=Verdict.INCONCLUSIVE, cause=None, doubt=doubt)


def _at(twin: TwinOutcome) -> float:
    assert isinstance(twin.role, Look)
    return twin.role.at_s


def _reachability(looks: Sequence[Seen], ends: float) -> Reachability:
    gaps = [
        (ends if each.before_s is None else each.before_s) - (each.from_s if each.after_s is None else each.after_s)
        for each in windows(looks)
    ]
    return Reachability(
        looks=len(looks),
        reached=sum(each.reach is Reach.REACHABLE for each in looks),
        unknown=sum(each.reach is Reach.UNKNOWN for each in looks),
        longest_gap_s=round(max(gaps, default=0.0), 3),
    )


# Whether another seed shows another thing


def _by_seeds(cell: Cell, own: Outcome, twins: Sequence[TwinOutcome]) -> Outcome:
    """Make a verdict inconclusive if it depends on the seed."""
    if not twins:
        return own
    others = sorted(((_seed(twin), twin.outcome) for twin in twins), key=lambda pair: pair[0])
    seeds = tuple(_seed_outcome(seed, each) for seed, each in [(cell.seed, own), *others])
    outcome = dataclasses.replace(own, seeds=seeds)
    if len({each.verdict for each in seeds}) == 1:
        return outcome
    doubt = f"the verdict depends on the seed: {'; '.join(_stories(seeds))}"
    return dataclasses.replace(outcome, verdict=Verdict.INCONCLUSIVE, cause=None, doubt=doubt, kept_by=())


def _seed_outcome(seed: int, outcome: Outcome) -> SeedOutcome:
    return SeedOutcome(
        seed=seed,
        verdict=outcome.verdict,
        text=_why(outcome),
        cause=outcome.cause,
        metrics=outcome.metrics,
        tried=outcome.tried,
        reachability=outcome.reachability,
    )


def _stories(seeds: Sequence[SeedOutcome]) -> list[str]:
    """Say of each verdict with which seeds it came, and the first one's explanation."""
    told = []
    for verdict in dict.fromkeys(each.verdict for each in seeds):
        those = [each for each in seeds if each.verdict is verdict]
        text = f" ({those[0].text})" if those[0].text else ""
        told.append(f"{verdict.value} with {', '.join(str(each.seed) for each in those)}{text}")
    return told


def _seed(twin: TwinOutcome) -> int:
    assert isinstance(twin.role, OtherSeed)
    return twin.role.seed


def _why(outcome: Outcome) -> str:
    cause: Cause | None = outcome.cause
    return cause.text if cause is not None else outcome.doubt
