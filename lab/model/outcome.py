"""What a record is judged to show."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.verdict import CauseKind, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
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
class CauseFound:
    """Why a client became unreachable: the oldest link of the chain that the record shows.

    Attributes:
        kind: which mechanism.
        at_s: when, in seconds after the client fell silent; None where the mechanism has no moment.
        text: one sentence for people, naming what was observed.
        evidence: the lines of ``record.jsonl`` (from 1) that show it.
        chain: from this cause to the first failed probe, both included.
    """

    kind: CauseKind
    at_s: float | None
    text: str
    evidence: tuple[int, ...] = ()
    chain: tuple[Link, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Outage:
    """A time in which the client could not be reached, as far as probes and the cause tell.

    Attributes:
        from_s: the cause's time, or the first unanswered probe's.
        to_s: the next answered probe's time; None: until the end of the run.
    """

    from_s: float
    to_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Repair:
    """What became of the flow that the silence began with; all None if it did not break.

    Attributes:
        broken_s: when: the cause's time, or if no probe was lost the first fault, or the flow's end.
        client_noticed_after_s, server_noticed_after_s: from then to the first sign of it; None: never.
        resubscribed_after_s: from then to the next successful SUBSCRIBE; None: never.
        reregistered_after_s: from then to the next successful REGISTER; None: never.
    """

    broken_s: float | None = None
    client_noticed_after_s: float | None = None
    server_noticed_after_s: float | None = None
    resubscribed_after_s: float | None = None
    reregistered_after_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """What a cell cost and delivered.

    Traffic is counted on the client's links from the start of the silence to the end of the run, IP level, without the
    sentinel's, and without the second after the set-up and after each probe (the lab's traffic, not the strategy's);
    the per-hour figures divide by the time that remains.

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
        stale_contacts: subscriptions and bindings that the server holds at the end although their flow is gone.
        leaked_sockets: transports of the client that ended long before the end and were never destroyed.
        repair: how the loss of the flow was noticed and mended.
        observed_s: the time the traffic figures cover.
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
    stale_contacts: int
    leaked_sockets: int
    repair: Repair
    observed_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeFate:
    """What became of a probe.

    Attributes:
        at_s: when it was sent, or should have been.
        kind_: ``notify``, ``message``, ``options`` or ``invite``.
        answered: whether the client accepted it in time.
        branches: what became of it at each contact that it was sent to, the one that registered last first; empty: it
            was sent within a dialog, or to a subscriber.
    """

    at_s: float
    kind_: str
    answered: bool
    branches: tuple[Link, ...] = ()


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
    """

    verdict: Verdict
    cause: CauseFound | None
    doubt: str
    metrics: Metrics
    probes: tuple[ProbeFate, ...]
    claim_holds: bool | None
    claim_text: str
