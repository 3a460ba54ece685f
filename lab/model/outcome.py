"""Describes the outcome of a cell."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.verdict import CauseKind, Verdict
from lab.model.without import Without


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainStep:
    """One link of the chain from a cause to a failed probe.

    Attributes:
        at_s: when, in seconds after the client fell silent.
        text: what was observed, with its time.
        evidence: the lines of ``record.jsonl`` (from 1) that show it.
    """

    at_s: float
    text: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """The cause of a lost probe: it removed something that the probe needed and that was still missing.

    Attributes:
        kind: which mechanism.
        at_s: when, in seconds after the client fell silent; None where the mechanism has no moment.
        text: one sentence for people, naming what was observed.
        evidence: the lines of ``record.jsonl`` (from 1) that show it.
        chain: from this cause to the lost probe, both included.
    """

    kind: CauseKind
    at_s: float | None
    text: str
    evidence: tuple[int, ...] = ()
    chain: tuple[ChainStep, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspect:
    """A possible cause of a lost probe.

    Attributes:
        cause: the cause that it would be.
        without: what a twin run would leave out to try it; None: nothing can be left out.
    """

    cause: Cause
    without: Without | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A time in which the client could not be reached, as far as probes and the cause tell; no answer falls into it.

    Attributes:
        from_s: the time of the first lost probe's cause, or of the answer before it if that is later; if the cause is
            unknown, the probe's.
        to_s: the next answered probe's time; None: until the end of the run.
    """

    from_s: float
    to_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Recovery:
    """The recovery of the first lost probe's flow (of the first flow if none was lost); None: it did not break.

    Attributes:
        broken_s: when: the cause's time, or if no probe was lost the first fault, or the flow's end.
        client_noticed_after_s, server_noticed_after_s: from then to the first sign of it; None: never. The client's
            must come before it uses another flow.
        resubscribed_after_s: from then to the next successful SUBSCRIBE; None: never.
        reregistered_after_s: from then to the next successful REGISTER; None: never.
    """

    broken_s: float | None = None
    client_noticed_after_s: float | None = None
    server_noticed_after_s: float | None = None
    resubscribed_after_s: float | None = None
    reregistered_after_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CostUntilLoss:
    """The cost of a client until it first lost its connection for more than a moment.

    Attributes:
        at_s: when, in seconds after time zero.
        packets, bytes, wakeups: until then.
    """

    at_s: float
    packets: int
    bytes: int
    wakeups: int


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceMetrics:
    """The calls of a cell as its user hears them, and how often the device woke up for them.

    Measured over the whole cell, calls included, and never in a silent hour.

    Attributes:
        calls: probes that were calls and whose fate is known.
        missed: those of them that were not accepted in time. One that was, and was lost afterwards, is not missed.
        ringing_s: of each call, in the order they came: from its INVITE to the first 180 (or to the 200, if the phone
            accepts without ringing); null: it did not ring. A call that rang too late is missed, and has a time.
        ringing_p50_s, ringing_worst_s: the median and the longest of those that rang; null: none did.
        pushes: push messages that the server asked for.
        app_wakeups_per_hour: how often the app's process ran on after it had stood still, or was started again after it
            had been killed; null: neither ever happened.
        radio_wakeups_per_hour: as in `Metrics`, with the calls.
        registrations_per_day: REGISTERs that were granted; null: the client does not register.
        observed_s: the time that these figures cover.
    """

    calls: int
    missed: int
    ringing_s: tuple[float | None, ...]
    ringing_p50_s: float | None
    ringing_worst_s: float | None
    pushes: int
    app_wakeups_per_hour: float | None
    radio_wakeups_per_hour: float | None
    registrations_per_day: float | None
    observed_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """The cost and the deliveries of a cell.

    Traffic is counted on the client's links from the start of the silence to the end of the run, IP level, without the
    sentinel's, and without the second after the set-up and after each probe (the lab's traffic, not the strategy's);
    the per-hour figures divide by the time that remains. Where they are measured, they are of a twin that nobody probes
    and nothing befalls, for an hour or longer.

    Attributes:
        probes, delivered: number due, number answered in time.
        delivered_share: the latter's share, 0 to 1.
        outages: in time order.
        packets_up, packets_down, bytes_up, bytes_down: from and to the client.
        packets_per_hour, bytes_per_hour: both directions together.
        radio_wakeups_per_hour, radio_active_s_per_hour: what this traffic alone would cost a phone's radio, see
            ``lab.judge.radio``.
        connects: connections the client made during the silence.
        tls_handshakes: completed during the silence, the client's own and those of its mitigations.
        challenges: requests of the client that the server challenged during the silence (401, 407); each was then sent
            again, or given up.
        stale_contacts: subscriptions and bindings that the server holds at the end although their flow is gone.
        leaked_sockets: transports of the client that ended long before the end and were never destroyed.
        repair: how the loss of the flow was noticed and mended.
        observed_s: the time the figures per hour cover.
        measured: whether the figures per hour are of a twin; else they are an estimate from the cell itself.
        lost: of such a twin, when it first lost its connection for more than some seconds; None: never, or no twin.
        device: what matters for a device that sleeps; None: not measured, as the cell did not run to its end, or
            without part of the device's schedule.
    """

    probes: int
    delivered: int
    delivered_share: float
    outages: tuple[Outage, ...]
    packets_up: int
    packets_down: int
    bytes_up: int
    bytes_down: int
    packets_per_hour: float
    bytes_per_hour: float
    radio_wakeups_per_hour: float
    radio_active_s_per_hour: float
    connects: int
    tls_handshakes: int
    challenges: int
    stale_contacts: int
    leaked_sockets: int
    repair: Recovery
    observed_s: float
    measured: bool = False
    lost: CostUntilLoss | None = None
    device: DeviceMetrics | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFate:
    """The result of a probe.

    Attributes:
        at_s: when it was sent, or should have been.
        kind_: ``notify``, ``message``, ``options`` or ``invite``.
        answered: whether the client accepted it in time.
        branches: what became of it at each contact that it was sent to, the one that registered last first; empty: it
            was sent within a dialog, or to a subscriber.
        cause: why it was lost, with the chain that leads to it; None: it was answered, or the cell is no ``fail``.
    """

    at_s: float
    kind_: str
    answered: bool
    branches: tuple[ChainStep, ...] = ()
    cause: Cause | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeTrial:
    """The result of a probe at a weak moment of a client that had answered its own probes.

    Attributes:
        at_s: when it was sent.
        why: what made the client weak then, a clause.
        reached: whether the client accepted it in time; None: the lab could not establish it.
        gap_s: of a client that did not, how long it was out of reach; None: to the end of the run, or it did.
        folder: the twin's in the run folder.
    """

    at_s: float
    why: str
    reached: bool | None
    gap_s: float | None
    folder: str

    @property
    def open_ended(self) -> bool:
        """True if the client was unreachable and did not come back."""
        return self.reached is False and self.gap_s is None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reachability:
    """The results of probes that each have a cell of their own.

    Attributes:
        looks: how many there were.
        reached: how many were accepted.
        unknown: of how many the lab could not establish it.
        longest_gap_s: the longest time between two accepted probes with lost ones between them, or from the first lost
            one to the end of the run; 0: none was lost.
    """

    looks: int
    reached: int
    unknown: int
    longest_gap_s: float

    @property
    def share(self) -> float:
        """The share of probes that were accepted, of those that tell, 0 to 1."""
        known = self.looks - self.unknown
        return self.reached / known if known else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SeedOutcome:
    """The outcome of a cell with another seed.

    Attributes:
        seed: which.
        verdict: its own.
        text: why: its cause or its doubt; empty of a ``pass``.
        cause: of a ``fail``; None otherwise.
        metrics: what it delivered and cost; None: of a run in which that was not kept.
        tried, reachability: as of `Outcome`.
    """

    seed: int
    verdict: Verdict
    text: str
    cause: Cause | None = None
    metrics: Metrics | None = None
    tried: tuple[ProbeTrial, ...] = ()
    reachability: Reachability | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """The result of one cell.

    Attributes:
        verdict: see `Verdict`.
        cause: of a ``fail``; None otherwise.
        doubt: why the verdict is ``inconclusive`` or ``unsupported``; empty otherwise.
        probes: those whose fate is known, in the order they were sent.
        claim_holds: None where the author claims nothing.
        claim_text: what differs from the claim; empty if it holds.
        suspects: the possible causes of the first lost probe, the best guess first; its cause is ``cause``. Where there
            are several, cells without one of them tell which made the difference.
        tried: what probes found at its weakest moments, of a cell whose own probes were answered; the worst first.
        left_out: how the cause was found among several suspects, a sentence; empty: there was one, or none was tried.
        reachability: of a cell whose probes are each in a cell of their own.
        seeds: of a cell that was run with several seeds, the first its own.
        seen_in: the folder in the run folder of the twin whose record the cause is of; empty: the cell's own.
        shared_with: the folder in the run folder of the cell whose record this one shares, as it differs from that only
            in what neither can see; empty: it ran itself.
        costs_shared_with: likewise, of the silent hour from which its costs are.
        from_cache: when the cell ran whose record this is, in an earlier run that was decided by the same things (UTC);
            empty: it ran in this one.
        kept_by: of a ``pass``: what kept the client reachable, as far as the record tells.
    """

    verdict: Verdict
    cause: Cause | None
    doubt: str
    metrics: Metrics
    probes: tuple[ProbeFate, ...]
    claim_holds: bool | None
    claim_text: str
    suspects: tuple[Suspect, ...] = ()
    kept_by: tuple[ChainStep, ...] = ()
    tried: tuple[ProbeTrial, ...] = ()
    left_out: str = ""
    reachability: Reachability | None = None
    seeds: tuple[SeedOutcome, ...] = ()
    seen_in: str = ""
    shared_with: str = ""
    costs_shared_with: str = ""
    from_cache: str = ""
