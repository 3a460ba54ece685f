"""Defines the request for a measurement, and its result."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.middlebox import (
    FilteringBehavior,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class MeasurementRequest:
    """A middlebox to measure.

    Attributes:
        box: what is built.
        claim: what it is held against; its timers are looked at as closely as the box's own.
        longest: seconds anything may be waited for.
    """

    box: Middlebox
    claim: Middlebox
    longest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class IdleSurvival:
    """The idle times, in seconds, after which an idle mapping still let packets in.

    Attributes:
        alive: the longest idle time after which one came in; 0: none.
        dead: the shortest after which none did; None: not within the time there was.
    """

    alive: float
    dead: float | None


class NextPort(str, Enum):
    """From which port the next packet from inside comes out once its mapping has ended."""

    INSIDE = "preserved"
    BEFORE = "the one before"
    ANOTHER = "another"


@dataclass(frozen=True, kw_only=True, slots=True)
class EndedMapping:
    """The observations of a UDP mapping that had ended.

    Attributes:
        end: what ended it: the timer or the lifetime.
        enters: whether what was sent to its outside endpoint still arrived inside.
        next_port: of the mapping after it.
    """

    end: str
    enters: bool
    next_port: NextPort


@dataclass(frozen=True, kw_only=True, slots=True)
class ForgottenFlowResponse:
    """The response to a TCP flow from either side after its mapping had ended; in the words of the sentinel.

    Attributes:
        inside, outside: what came of sending.
        found_inside, found_outside: how the sender's end was found before.
        new_port: whether what the inside sent came out of another port than before.
    """

    inside: str
    outside: str
    found_inside: str
    found_outside: str
    new_port: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Measurement:
    """The measured behavior of a middlebox; None where there was no time to measure.

    Attributes:
        established, transitory: TCP flows, open and half closed.
        udp, udp_one_way: UDP mappings, answered and not.
        lifetime: of a UDP mapping in steady use.
        ended: UDP mappings that had ended, each in another way; empty: the time did not allow to wait for any.
    """

    established: IdleSurvival
    transitory: IdleSurvival
    udp: IdleSurvival
    udp_one_way: IdleSurvival
    refresh_direction: RefreshDirection | None
    refreshing_segments: RefreshingSegments | None
    lifetime: IdleSurvival
    ended: tuple[EndedMapping, ...]
    met: ForgottenFlowResponse | None
    mapping: MappingBehavior
    filtering: FilteringBehavior
    port_assignment: PortAssignment
    hairpinning: Hairpinning
    sip_alg: tuple[SipAlg, ...]
