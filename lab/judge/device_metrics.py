"""Counts what matters for a device that sleeps: when calls ring, and how often app and radio wake up. Pure.

Everything is of the cell itself, calls included: a night with its calls is what is asked about, and a schedule of hours
does not fit into a silent hour.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

from lab.faults.base import faults_of
from lab.judge.radio import radio
from lab.model.outcome import DeviceMetrics
from lab.record.entry import Entry
from lab.record.events import ClientProcess, Packet, Probe, ProbeBranch, PushRequested, ResponseSent
from lab.record.evidence import Evidence, ProbeAttempt
from lab.sip.status import is_success

CALL = "invite"
RINGS = ("ringing", "talking")
"""States of a call by which the phone rings: its 180, or its 200 if it accepts at once. RFC 6076 §4.3 (session request
delay) counts both."""
WAKES = ("resumed", "started")
"""States of the app's process that follow on a sleep, or on its end."""
HOUR_S, DAY_S = 3600.0, 86400.0


def device_metrics(evidence: Evidence, packets: Iterable[Entry[Packet]]) -> DeviceMetrics | None:
    """Measure a cell as a phone's user would.

    Return None if it was not that device's day: it did not run to its end, or part of the device's schedule did not
    begin.

    Args:
        evidence: of the cell.
        packets: those on the client's links, without the sentinel's.
    """
    ends = evidence.ended()
    schedule = [number for number, fault in enumerate(faults_of(evidence.cell)) if fault.of_device]
    if ends is None or any(evidence.fault_began(number) is None for number in schedule):
        return None
    calls = [probe for probe in evidence.probes if probe.kind == CALL]
    rang = tuple(_ringing_s(evidence, call) for call in calls)
    known = [after for after in rang if after is not None]
    air = radio((entry.t for entry in packets if 0 <= entry.t <= ends), until=ends, kind=evidence.cell.radio)
    granted = _registrations(evidence, ends) if evidence.cell.registers else None
    return DeviceMetrics(
        calls=len(calls),
        missed=sum(_is_missed(evidence, call) for call in calls),
        ringing_s=rang,
        ringing_p50_s=round(median(known), 3) if known else None,
        ringing_worst_s=max(known, default=None),
        pushes=sum(1 for _ in evidence.between(PushRequested, 0.0, ends)),
        app_wakeups_per_hour=_per(HOUR_S, _app_wakeups(evidence, ends), ends),
        radio_wakeups_per_hour=_per(HOUR_S, air.wakeups, ends),
        registrations_per_day=_per(DAY_S, granted, ends),
        observed_s=round(ends, 3),
    )


def _ringing_s(evidence: Evidence, call: ProbeAttempt) -> float | None:
    """Return how long after its INVITE a call rang; None: it did not, as far as the record shows.

    The INVITE came when the record first speaks of the call, even if the server then waited before it sent it on.
    """
    said = [*evidence.of(Probe, probe=call.name), *evidence.of(ProbeBranch, probe=call.name)]
    rang = [entry.t for entry in evidence.of(Probe, probe=call.name) if entry.event.state in RINGS]
    return round(min(rang) - min(entry.t for entry in said), 3) if rang else None


def _is_missed(evidence: Evidence, call: ProbeAttempt) -> bool:
    """Return whether the phone did not get to talk: it never accepted the call in time, or never heard the ACK.

    A call whose BYE is lost was not missed.
    """
    if call.answered:
        return False
    return call.unconfirmed_s is not None or not any(evidence.of(Probe, probe=call.name, state="talking"))


def _app_wakeups(evidence: Evidence, ends: float) -> int | None:
    """Return how often the app's process ran on or was started again; None: it was always there and never stood still.

    At the end of the run the lab lets it go on, which is no wake-up.
    """
    during = list(evidence.between(ClientProcess, 0.0, ends))
    if not during:
        return None
    return sum(entry.event.state in WAKES and entry.t < ends for entry in during)


def _registrations(evidence: Evidence, ends: float) -> int:
    """Return how many REGISTERs the server granted."""
    answers = evidence.between(ResponseSent, 0.0, ends, method="REGISTER")
    return sum(is_success(entry.event.code) for entry in answers)


def _per(length_s: float, number: int | None, ends: float) -> float | None:
    return None if number is None or ends <= 0 else round(number * length_s / ends, 2)
