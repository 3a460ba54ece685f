"""Defines the needs of a probe, and the time in which one of them is missing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

from lab.model.outcome import Cause
from lab.model.without import Without
from lab.record.evidence import ProbeAttempt
from lab.record.flows import Flow

Account = Literal["registration", "subscription"]
"""What tells the server where to send a probe."""


class Need(Enum):
    """A thing that a probe needs to arrive and to be answered."""

    PROCESS = "the client's process runs"
    ACCOUNT = "the server knows where the client is: a subscription or a binding"
    FLOW = "the flow is open at both ends"
    MAPPING = "each middlebox on the way knows the flow"
    PUSH = "a push in time, if the server holds the request for one, and a client that then registers"
    FAULTS = "no fault has taken away one of these, or the way, or the server"


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A time in which a probe lacked something that it needs.

    A gap that ended before the probe was sent is not made: what was mended is no cause.

    Attributes:
        need: what was missing.
        since_s: from when on. Of a fault it may be the time of the first thing that the fault cost.
        cause: why, as a cause.
        without: what a twin run would leave out to close the gap; None: nothing can be left out.
        outlived: whether the client asked for a new flow before the probe, so that the end of the old one would not
            have mattered, had that request been answered.
        anew_s: of a fault: when it kept the client from a new flow; None: it did not.
    """

    need: Need
    since_s: float
    cause: Cause
    without: Without | None
    outlived: bool = False
    anew_s: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class UnansweredProbe:
    """A lost probe and what it should have used.

    Attributes:
        probe: the probe; ``asked_s`` to ``known_s`` is the time in which it needed everything.
        account: what tells the server where to send it.
        flow: the flow that it took or should have taken; None: there was none.
        asked_again_s: when the client asked on another flow to renew the account, and the server did not grant it;
            None: it did not ask.
    """

    probe: ProbeAttempt
    account: Account
    flow: Flow | None
    asked_again_s: float | None
