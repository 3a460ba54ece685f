"""Defines the types of ``report.json``. ``lab.report.schema`` makes the JSON Schema from them."""

from __future__ import annotations

from typing import Literal, TypedDict

from lab.model.outcome import ChainStep, Metrics, ProbeTrial
from lab.model.verdict import Verdict


class ScenarioEntry(TypedDict):
    """The scenario that was run.

    Attributes:
        name: its name, which is in the name of the run folder.
        file: its file.
        title, why, source: as written there.
    """

    name: str
    file: str
    title: str
    why: str
    source: str


class CauseEntry(TypedDict):
    """The cause of a lost probe.

    Attributes:
        kind: which mechanism; the causes are listed in the reference.
        at_s: seconds after time zero; null: the mechanism has no moment.
        text: a sentence for people.
        evidence: the lines of ``record.jsonl`` that show it, from 1.
        chain: from this cause to the lost probe, both included.
    """

    kind: str
    at_s: float | None
    text: str
    evidence: tuple[int, ...]
    chain: tuple[ChainStep, ...]


class ProbeEntry(TypedDict):
    """A probe whose result is known.

    Attributes:
        at_s: when it was sent or due.
        kind: ``notify``, ``message``, ``options`` or ``invite``.
        answered: whether the client accepted it in time.
        cause: of a lost probe of a ``fail``; otherwise null.
        branches: what became of it at each contact to which it was sent; empty: it was sent within a dialog.
    """

    at_s: float
    kind: str
    answered: bool
    cause: CauseEntry | None
    branches: tuple[ChainStep, ...]


class ClaimEntry(TypedDict):
    """A claim of the scenario about a cell.

    Attributes:
        verdict, cause, at_s, within_s: as claimed; null: the claim does not speak of it.
        holds: whether it is so.
        differs: the difference; empty: the claim holds.
    """

    verdict: Verdict
    cause: str | None
    at_s: float | None
    within_s: float
    holds: bool | None
    differs: str


class ReachabilityEntry(TypedDict):
    """The results of probes that each have a cell of their own.

    Attributes:
        looks: how many there were.
        reached: how many were accepted.
        unknown: how many show nothing.
        longest_gap_s: the longest time between two accepted probes with lost ones between them.
        share: accepted probes of those that show something, 0 to 1.
    """

    looks: int
    reached: int
    unknown: int
    longest_gap_s: float
    share: float


class SeedCauseEntry(TypedDict):
    """The cause of a cell that failed with another seed.

    Attributes:
        kind, at_s: as of a cause.
    """

    kind: str
    at_s: float | None


class SeedEntry(TypedDict):
    """The result of a cell with one seed.

    Attributes:
        seed: which.
        verdict: its own.
        text: why: its cause or its doubt; empty of a ``pass``.
        cause: of a ``fail``; otherwise null.
        tried, reachability, metrics: as of a cell.
    """

    seed: int
    verdict: Verdict
    text: str
    cause: SeedCauseEntry | None
    tried: tuple[ProbeTrial, ...]
    reachability: ReachabilityEntry | None
    metrics: Metrics | None


class ErrorEntry(TypedDict):
    """The error of a cell that could not run.

    Attributes:
        side: what is at fault: ``scenario``, ``host`` or ``lab``.
        text: what went wrong.
    """

    side: str
    text: str


class BrokenCellEntry(TypedDict):
    """A cell that could not run, or whose record nobody can judge.

    Attributes:
        name: its labels, joined by commas.
        axes: its label on each axis.
        folder: relative to the run folder.
        ends_s: when it ends.
        verdict: null.
        error: what went wrong.
    """

    name: str
    axes: dict[str, str]
    folder: str
    ends_s: float
    verdict: None
    error: ErrorEntry


class CellEntry(TypedDict):
    """A cell with a verdict.

    Attributes:
        name: its labels, joined by commas.
        axes: its label on each axis.
        folder: relative to the run folder.
        ends_s: when it ends.
        verdict: what came out.
        doubt: why it is ``inconclusive`` or ``unsupported``; otherwise empty.
        claim: what the scenario claims of it, and whether it is so; null: nothing.
        cause: of a ``fail``; otherwise null.
        probes: the probes whose results are known.
        kept_by: of a ``pass``: the traffic that kept the client reachable.
        tried: of a cell whose own probes were answered: probes at its weakest moments, the worst first.
        left_out: how the cause was found among several suspects; empty: there was one.
        reachability: of a cell whose probes each have a cell of their own; otherwise null.
        seeds: with ``--seeds``: the result of each, the cell's own first.
        seen_in: the folder of the twin whose record shows the cause; empty: the cell's own record.
        shared_with: the folder of the cell whose record this one shares; empty: it ran itself.
        costs_shared_with: likewise of the silent hour that its costs come from.
        from_cache: when the cell ran whose record this is (UTC); empty: in this run.
        metrics: costs and deliveries; null: ``unsupported``.
        error: null.
    """

    name: str
    axes: dict[str, str]
    folder: str
    ends_s: float
    verdict: Verdict
    doubt: str
    claim: ClaimEntry | None
    cause: CauseEntry | None
    probes: list[ProbeEntry]
    kept_by: tuple[ChainStep, ...]
    tried: tuple[ProbeTrial, ...]
    left_out: str
    reachability: ReachabilityEntry | None
    seeds: list[SeedEntry]
    seen_in: str
    shared_with: str
    costs_shared_with: str
    from_cache: str
    metrics: Metrics | None
    error: None


class Report(TypedDict):
    """The content of ``report.json``.

    Attributes:
        format: the version of this format. It changes when a key is removed or changes its meaning.
        lab: the version of the lab.
        scenario: what was run.
        clock: ``real`` or ``virtual``.
        backend: ``netns`` or ``docker``.
        seed: the seed of the cells; null: there are none.
        finished: false: the run was interrupted.
        from_cache: how many cells did not run because the cache had their records.
        cells: in the order of the matrix.
        warnings: reasons to trust the whole run less.
    """

    format: Literal[1]
    lab: str
    scenario: ScenarioEntry
    clock: str
    backend: str
    seed: int | None
    finished: bool
    from_cache: int
    cells: list[CellEntry | BrokenCellEntry]
    warnings: list[str]
