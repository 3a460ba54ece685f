"""Makes the cell that tries a value, and says what came of it. Pure.

A value is tried only if the client is left alone for longer than it: the probe comes after two intervals, and after
whatever else may end a flow in between. What the client was like at each moment before that, the record shows; the
engine's twin of a passing cell probes it at the weakest of these moments.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lab.engine.cell_run import CellRun
from lab.engine.twins.cells import clear_of_expiry
from lab.judge.metrics import client_packets
from lab.judge.tolerances import BACK_WITHIN_S, SOON_S, TICKS_S
from lab.judge.weakest_times import ends
from lab.loader.unsupported import examined
from lab.model.scenario import Cell, Expectation, ProbeKind, Transport
from lab.model.verdict import Verdict
from lab.record.evidence import Evidence
from lab.sip.transaction import retransmissions
from lab.tuning.parameters import Parameter
from lab.units import Seconds

VALUE = "value"
"""The axis that a trial has besides those of the scenario."""
INTERVALS = 2
"""The client is left alone for so many intervals. In the first a mapping may still have another timer, as UDP mappings
have that were not answered; the second is like all that follow."""
MARGIN_S = 10.0
"""The probe comes so long after them. pjsip counts CRLF in whole seconds, so each interval may last a second longer."""
AT_LEAST_S = 120.0
"""The probe does not come sooner. pjsip closes an idle transport after 33 s, and its own CRLF goes out after 90 s; an
interval of 10 s must not pass because the cell was over before that."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A parameter with a value.

    Attributes:
        parameter: of the strategy or the account.
        name: the parameter's, short.
        value_s: in seconds.
    """

    parameter: Parameter
    name: str
    value_s: float

    @property
    def label(self) -> str:
        """The value in a cell's name and on its axis."""
        return label(self.value_s)


def label(value_s: float) -> str:
    """Return a value as it stands in the names of cells: ``59s``."""
    return f"{value_s:.12g}s"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """The result of a trial.

    Attributes:
        value_s: the value.
        verdict: of the cell, in the light of its twins.
        cell: its name in the run.
        kind: of a ``fail``, the kind of its cause.
        at_s: of a ``fail``, the time of its cause.
        text: why it failed or was inconclusive; of a ``pass``, what kept the client reachable.
        turn_s: of a ``fail``, for how long the client had been quiet at that time.
        quiet_s: of a ``pass``, for how long it was quiet at most before the probe.
    """

    value_s: float
    verdict: Verdict
    cell: str
    kind: str = ""
    at_s: float | None = None
    text: str = ""
    turn_s: float | None = None
    quiet_s: float | None = None


def cell_with(start: Cell, settings: Sequence[Setting]) -> Cell:
    """Return the cell that tries values.

    Args:
        start: of the search.
        settings: a value for each parameter that the cell's name shall tell.

    If the cell has faults its own probes stay, because they say when the client is to be back; else one probe after
    all intervals takes their place.
    """
    cell = start
    for each in settings:
        cell = each.parameter.put(cell, each.value_s)
    told = ",".join(f"{each.name}-{each.label}" for each in settings)
    first = cell.probes[0]
    last = dataclasses.replace(first, at=Seconds(_probe_at(cell, max(each.value_s for each in settings))))
    before = tuple(probe for probe in cell.probes if probe.known_at < last.at) if cell.faults else ()
    return examined(
        dataclasses.replace(
            cell,
            name=f"{start.name},{told}",
            axes=(*start.axes, (VALUE, told)),
            probes=(*before, last),
            apart=(),
            expect=_expectation(cell.expect),
            ends=Seconds(clear_of_expiry(cell, max(float(cell.ends), float(last.known_at)))),
            silent_over=Seconds(0),
            claim=None,
        )
    )


def priced(start: Cell, tried: Cell) -> Cell:
    """Return the cell of a safe value once more, with a silent hour that tells what it costs; it shares the record."""
    *axes, (_, told) = tried.axes
    return dataclasses.replace(
        tried, name=f"{tried.name},costs", axes=(*axes, (VALUE, f"{told},costs")), silent_over=start.silent_over
    )


def trial_of(run: CellRun, value_s: float) -> Trial:
    """Return what a cell that ran to its end says about a value."""
    outcome = run.outcome
    cause = outcome.cause if outcome.verdict is Verdict.FAIL else None
    if cause is None:
        kept = "; ".join(step.text for step in outcome.kept_by)
        return Trial(
            value_s=value_s,
            verdict=outcome.verdict,
            cell=run.name,
            text=outcome.doubt or kept,
            quiet_s=longest_quiet(run.evidence) if outcome.verdict is Verdict.PASS else None,
        )
    return Trial(
        value_s=value_s,
        verdict=outcome.verdict,
        cell=run.name,
        kind=cause.kind.name,
        at_s=cause.at_s,
        text=cause.text,
        turn_s=None if cause.at_s is None else quiet_before(run.decisive.evidence, cause.at_s),
    )


def lost_in_silence(run: CellRun, value_s: float) -> Trial | None:
    """Return a trial that fails if the client was out of reach in its silent hour for longer than is tolerated.

    Two intervals may be lucky where many are not: the pause of a keep-alive may be random, or as long as a timer.
    """
    lost = run.outcome.metrics.lost
    if run.silent is None or run.cell.expect.outage > BACK_WITHIN_S:
        return None
    if lost is None:
        return _lost_to_a_datagram(run, value_s)
    why = next((f": {end.why}" for end in ends(run.silent.evidence) if end.at_s >= lost.at_s - TICKS_S), "")
    text = f"in the silent hour it was out of reach from {lost.at_s:.1f} s on{why}"
    return Trial(value_s=value_s, verdict=Verdict.FAIL, cell=run.name, at_s=lost.at_s, text=text)


def _lost_to_a_datagram(run: CellRun, value_s: float) -> Trial | None:
    """Return a trial that fails if a probe over UDP would have been lost in the silent hour, however soon it was over.

    A connection that is made anew within some seconds has been changed; a mapping that is missing for longer than a
    probe is sent again makes a call fail, and a keep-alive with a random pause does that now and then.
    """
    assert run.silent is not None
    if run.cell.transport is not Transport.UDP:
        return None
    probe = run.cell.probes[-1]
    method = "INVITE" if probe.kind_ is ProbeKind.INVITE else "other"
    sent_again = [after for after in retransmissions(method) if after < probe.within]
    longest = SOON_S + max(sent_again, default=0.0)
    for end in ends(run.silent.evidence):
        lack = end.until_s - end.at_s
        if longest < lack < float("inf") and lack > float(run.cell.expect.outage):
            text = f"in the silent hour a probe at {end.at_s:.1f} s would have been lost, for {lack:.1f} s: {end.why}"
            return Trial(value_s=value_s, verdict=Verdict.FAIL, cell=run.name, at_s=end.at_s, text=text)
    return None


def quiet_before(evidence: Evidence, at_s: float) -> float:
    """Return for how long the client had sent nothing at a time, since it fell silent at the earliest."""
    return at_s - _sent(evidence, at_s - TICKS_S)[-1]


def longest_quiet(evidence: Evidence) -> float:
    """Return for how long the client sent nothing at most, before its last probe."""
    until = float(evidence.cell.probes[-1].at)
    return max(later - earlier for earlier, later in pairwise([*_sent(evidence, until), until]))


def _sent(evidence: Evidence, until: float) -> list[float]:
    """Return when the client sent something, beginning with the moment at which it fell silent."""
    times = (each.t for each in client_packets(evidence) if each.event.from_ == evidence.client)
    return [0.0, *(t for t in times if 0 < t < until)]


def _probe_at(cell: Cell, value_s: float) -> float:
    """Return when the client is probed."""
    lifetimes = [float(box.lifetime) + MARGIN_S for _, box in cell.middleboxes if box.lifetime is not None]
    own = max(float(probe.at) for probe in cell.probes)
    return max(INTERVALS * value_s + MARGIN_S, AT_LEAST_S, own, *lifetimes)


def _expectation(expect: Expectation) -> Expectation:
    """Return what is expected of each trial: the tolerated outage is the author's; shares of the time are not asked."""
    return Expectation(delivered=expect.delivered, outage=expect.outage)
