"""Makes the server send a probe, and waits for what becomes of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from lab.errors import LabFault
from lab.faults.base import standstill_s
from lab.model.scenario import Probe, ProbeKind
from lab.record import events
from lab.record.entry import TimedEvent
from lab.record.writer import RUNNER
from lab.runner.testbed import CellTestbed

PROBE_FATE_WITHIN_S = 5.0
"""The server says what became of a probe once its time is over; this much later it is broken."""


@dataclass(frozen=True, slots=True)
class SentProbe:
    """A probe that the server was told to send.

    Attributes:
        name: of the probe, in the record.
        due: when the server was told (loop time).
    """

    name: str
    due: float
    _patience: float
    _answered: asyncio.Future[TimedEvent[events.Probe]]
    _failed: asyncio.Future[TimedEvent[events.Probe]]

    async def fate(self) -> TimedEvent[events.Probe]:
        """Return what became of it; a server that is frozen says so when it goes on.

        Raises:
            LabFault: the server did not say.
        """
        ends = {self._answered, self._failed}
        await asyncio.wait(ends, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        for end in (self._answered, self._failed):
            if end.done():
                return end.result()
        detail = f"the server did not say what became of {self.name} in {self._patience:g} s"
        raise LabFault("probing the client", detail=detail)


def send_probe(testbed: CellTestbed, name: str, probe: Probe) -> SentProbe:
    """Make the server send a probe, now; while it is frozen the probe fails at once, and the record says so."""
    expected = testbed.expected_events
    testbed.observe_now()
    due = asyncio.get_running_loop().time()
    sent = SentProbe(
        name,
        due,
        float(probe.known_at) - float(probe.at) + PROBE_FATE_WITHIN_S + standstill_s(testbed.cell),
        expected.next(events.Probe, probe=name, state="answered"),
        expected.next(events.Probe, probe=name, state="failed"),
    )
    if testbed.server.frozen:
        testbed.record.take(RUNNER, _while_frozen(name, probe))
        return sent
    held = {"hold": float(probe.hold)} if probe.kind_ is ProbeKind.INVITE else {}
    if held and probe.ring:
        held["ring"] = float(probe.ring)
    testbed.server.tell(probe.kind_.value, probe=name, within=float(probe.within), due=due, **held)
    return sent


def _while_frozen(name: str, probe: Probe) -> events.Probe:
    """Return what becomes of a probe that was due while the server was frozen."""
    return events.Probe(
        probe=name, kind=probe.kind_.value, state="failed", code=None, flow=None, peer=None, reason="server-frozen"
    )
