"""Records the state of a probe, for any server that sends it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from lab.actors.channel import Channel
from lab.model.endpoint import Endpoint
from lab.record.events import Probe, ProbeKindName, ProbeState


class FlowName(Protocol):
    """A flow, as far as a probe's line names it."""

    @property
    def id(self) -> str:
        """Return its name in the record."""

    @property
    def endpoint(self) -> Endpoint | None:
        """The client's end of it; None: unknown."""


class ProbeReport:
    """Says how one probe stands; the first fate is the last.

    Attributes:
        over: whether it has been answered or has failed.
        call_id: of a call that the client has accepted: its Call-ID; empty: of anything else.
        probe: its name.
    """

    def __init__(self, channel: Channel, probe: str, kind: ProbeKindName) -> None:
        self._channel = channel
        self.probe = probe
        self._kind = kind
        self.over = False
        self.call_id = ""
        self._gone: str | None = None

    def silenced(self) -> ProbeReport:
        """Return one for what belongs to the probe and no longer decides its fate: it says nothing."""
        other = ProbeReport(self._channel, self.probe, self._kind)
        other.over = True
        return other

    def connecting(self, gone: str) -> None:
        """Say that the server connects to the client first, as the flow of that name is gone."""
        self._gone = gone
        self.say("connecting", None)

    def say(
        self,
        state: ProbeState,
        flow: FlowName | None,
        *,
        code: int | None = None,
        reason: str = "",
        lost: str | None = None,
        at: float | None = None,
    ) -> None:
        """Record one state, unless it is over.

        Args:
            state: see `Probe`.
            flow: the one it takes.
            code: status code of the answer.
            reason: why it failed.
            lost: name of the flow that it should have taken and that is not there.
            at: when (CLOCK_MONOTONIC); None: now.
        """
        if self.over:
            return
        self.over = state in ("answered", "failed")
        event = Probe(
            probe=self.probe,
            kind=self._kind,
            state=state,
            code=code,
            flow=(flow and flow.id) or lost or self._gone,
            peer=None if flow is None else flow.endpoint,
            reason=reason,
            call_id=self.call_id,
        )
        self._channel.emit(event, at=at)


SENT_LATE_S = 1.0
"""A probe that leaves this long after its time is another one. A busy machine delays by tens of milliseconds; a server
that stood still when it was told, by seconds."""
FROZEN = "server-frozen"
"""Why a probe was not sent, or not in time: the server's process stood still."""


def came_too_late(command: Mapping[str, Any], channel: Channel) -> bool:
    """Return whether a command is for a probe whose time has passed; say then that it failed, at its time."""
    due = command.get("due")
    if due is None or time.monotonic() <= due + SENT_LATE_S:
        return False
    ProbeReport(channel, command["probe"], command["do"]).say("failed", None, reason=FROZEN, at=due)
    return True
