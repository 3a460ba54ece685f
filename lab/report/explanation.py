"""Explains a cell's verdict: the chain to each lost probe, or the traffic that kept the client reachable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lab.model.outcome import Cause, ChainStep, CostUntilLoss, Outcome, ProbeFate, ProbeTrial, Reachability, Recovery
from lab.model.scenario import Cell
from lab.model.verdict import CLIENT_UNSUBSCRIBED, REGISTRATION_EXPIRED, SUBSCRIPTION_EXPIRED, Verdict
from lab.units import counted

MOST_LINES = 4
"""Line numbers named for one link at most; the first and the last of more."""


_ACCOUNT_ENDED = (SUBSCRIPTION_EXPIRED, REGISTRATION_EXPIRED, CLIENT_UNSUBSCRIBED)

MOST_ALIKE = 3
"""Lost probes with the same cause that are told one by one at most."""


def explain(cell: Cell, outcome: Outcome) -> list[str]:
    """Return sentences about one cell, its name and verdict first."""
    measured = outcome.metrics
    ran = outcome.verdict is not Verdict.UNSUPPORTED
    answered = f", {measured.delivered} of {measured.probes} probes answered" if ran else ""
    told = [f"{cell.name}: {outcome.verdict.value}{answered}"]
    if outcome.doubt:
        told.append(f"  {outcome.doubt}")
    told += _shared(outcome)
    told += _causes(outcome)
    told += _twins(outcome)
    if measured.repair.broken_s is not None:
        told.append(f"  {_noticed(measured.repair, cell, outcome.cause)}")
    for probe in outcome.probes:
        if len(probe.branches) > 1 or (probe.branches and not probe.answered):
            told += _forked(probe)
    return told


def _shared(outcome: Outcome) -> list[str]:
    """Say whose record the cell shares, and whose silent hour."""
    differs = "it differs from that only in what neither can see (docs/verdicts.md)"
    told = [f"  it has the record of {outcome.shared_with}: {differs}"] if outcome.shared_with else []
    if outcome.from_cache:
        told.append(f"  its record is from the cache: it ran at {outcome.from_cache}, decided by the same things")
    if outcome.costs_shared_with:
        told.append(f"  its costs are those of {outcome.costs_shared_with}: that silent hour was the same")
    return told


def _causes(outcome: Outcome) -> list[str]:
    """Say why each lost probe was lost, or what kept the client reachable."""
    told = []
    for alike in _alike([fate for fate in outcome.probes if fate.cause is not None]):
        told += _chain_to(alike)
    if outcome.verdict is Verdict.PASS:
        told += [f"  {_sentence(link)}" for link in outcome.kept_by]
    if outcome.cause is not None and outcome.seen_in:  # a twin lost it, not one of these
        told += _chain_to([replace(outcome.probes[-1], cause=outcome.cause)])
    return told


def _twins(outcome: Outcome) -> list[str]:
    """Say what the cell's twins showed."""
    told = [outcome.left_out] if outcome.left_out else []
    told += [tried(one) for one in outcome.tried]
    if outcome.reachability is not None:
        told.append(reachable(outcome.reachability))
    told += [f"seed {one.seed}: {one.verdict.value}{one.text and ': ' + one.text}" for one in outcome.seeds]
    if outcome.metrics.lost is not None:
        told.append(f"costs: {lost(outcome.metrics.lost)}")
    return [f"  {one}" for one in told]


def short(outcome: Outcome) -> str:
    """Say in a line why a cell came out so: its cause or its doubt, and what its own probes did not see."""
    why = outcome.cause.text if outcome.cause else outcome.doubt
    said = [why] if why else []
    worst = outcome.tried[0] if outcome.tried else None
    if worst is not None and worst.reached is False:
        gap = "to the end" if worst.gap_s is None else f"for {worst.gap_s:.1f} s"
        said.append(f"out of reach {gap}, as a probe at {worst.at_s:.1f} s shows")
    if outcome.reachability is not None:
        said.append(reachable(outcome.reachability))
    return "; ".join(said)


def tried(one: ProbeTrial) -> str:
    """Say what a probe at one of the client's weakest moments found."""
    found = {True: "answered", False: "lost", None: "showed nothing"}[one.reached]
    gap = "" if one.gap_s is None else f", out of reach for {one.gap_s:.1f} s"
    never = ", out of reach to the end of the run" if one.open_ended else ""
    return f"probed again at {one.at_s:.1f} s, {one.why}: {found}{gap}{never} ({one.folder})"


def reachable(seen: Reachability) -> str:
    """Say what probes in cells of their own found."""
    doubt = f", {seen.unknown} showed nothing" if seen.unknown else ""
    gap = f", longest gap {seen.longest_gap_s:g} s" if seen.longest_gap_s else ""
    return f"reachable at {seen.reached} of {seen.looks} moments ({seen.share:.1%}){doubt}{gap}"


def lost(one: CostUntilLoss) -> str:
    """Say what a client had cost when it was first out of reach in the silent hour."""
    cost = f"{counted(one.packets, 'packet')}, {counted(one.bytes, 'byte')}, {counted(one.wakeups, 'wake-up')}"
    return f"in the silent hour it was first out of reach at {one.at_s:.1f} s, after {cost}"


def _alike(lost: Sequence[ProbeFate]) -> list[list[ProbeFate]]:
    """Return the lost probes, those in a row together that have the same cause."""
    found: list[list[ProbeFate]] = []
    for fate in lost:
        if found and _same(found[-1][-1].cause, fate.cause):
            found[-1].append(fate)
        else:
            found.append([fate])
    return found


def _chain_to(alike: Sequence[ProbeFate]) -> list[str]:
    """Return the chain to the first of these lost probes, and of the others what is new."""
    known: set[str] = set()
    told: list[str] = []
    for fate in alike[:MOST_ALIKE]:
        assert fate.cause is not None
        new = [link for link in fate.cause.chain if link.text not in known]
        told += [f"  {'→ ' if told or number else ''}{_sentence(link)}" for number, link in enumerate(new)]
        known |= {link.text for link in new}
    if (more := len(alike) - MOST_ALIKE) > 0:
        told.append(f"  → and {more} more likewise, the last at {alike[-1].at_s:.1f} s")
    return told


def _same(one: Cause | None, other: Cause | None) -> bool:
    return one is not None and other is not None and (one.kind, one.at_s) == (other.kind, other.at_s)


def _forked(probe: ProbeFate) -> list[str]:
    number = len(probe.branches)
    to = "1 contact" if number == 1 else f"{number} contacts"
    fate = "answered" if probe.answered else "lost"
    said = [f"  {probe.kind_.upper()} at {probe.at_s:.1f} s went to {to}, {fate}:"]
    return said + [f"    {_sentence(branch)}" for branch in probe.branches]


def _sentence(link: ChainStep) -> str:
    shown = [str(number) for number in link.evidence]
    if len(shown) > MOST_LINES:
        shown = [*shown[: MOST_LINES - 1], "…", shown[-1]]
    return f"{link.text} ({'line' if len(shown) == 1 else 'lines'} {', '.join(shown)})"


def _noticed(repair: Recovery, cell: Cell, cause: Cause | None) -> str:
    """Say who noticed the break of the flow, and when the client was back; of an account that ended only the latter."""
    assert repair.broken_s is not None
    resubscribed = ("the client", "subscribed again", repair.resubscribed_after_s)
    reregistered = ("the client", "registered again", repair.reregistered_after_s)
    again = [resubscribed if cell.subscribes else reregistered]
    if cause is not None and cause.kind in _ACCOUNT_ENDED:
        told = [f"the account ended at {repair.broken_s:.1f} s"]
        if repair.reregistered_after_s is not None and cell.subscribes:
            again.append(reregistered)
    else:
        told = [f"the flow broke at {repair.broken_s:.1f} s"]
        noticed = [("the client", repair.client_noticed_after_s), ("the server", repair.server_noticed_after_s)]
        again = [*((who, "noticed", after) for who, after in noticed), *again]
    for who, did, after in again:
        told.append(f"{who} never {did}" if after is None else f"{who} {did} at {repair.broken_s + after:.1f} s")
    return "; ".join(told)
