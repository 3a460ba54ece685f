"""What traffic costs a phone's radio: how often it is woken, and how long it stays awake. Pure.

A cellular network releases the radio connection of a phone that has been quiet for the inactivity timer; until then
the radio draws nearly full power (the tail). So a packet after a longer pause costs a wake-up and a tail, whatever its
size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

INACTIVITY_S = 10.0
"""RRC inactivity timer of LTE, chosen by the operator; 10 s is the usual figure in papers on it. Huang et al., "A Close
Examination of Performance and Power Characteristics of 4G LTE Networks", MobiSys 2012, found the tail to be what costs
most; that theirs took 11.6 s is quoted from memory. NR keeps the timer; its state RRC_INACTIVE, in which waking is
cheaper, is not modelled."""


class Radio(NamedTuple):
    """What packets did to the radio.

    Attributes:
        wakeups: bursts, separated by more than ``INACTIVITY_S``.
        active_s: time in bursts and their tails.
    """

    wakeups: int
    active_s: float


def radio(times: Iterable[float], *, until: float) -> Radio:
    """Count bursts of packets.

    Args:
        times: of the packets, in either direction, in seconds and in order.
        until: when the observation ended; a tail is cut there.
    """
    wakeups, active, awake_until = 0, 0.0, float("-inf")
    for t in times:
        if t > awake_until:
            wakeups += 1
            awake_until = t
        end = min(t + INACTIVITY_S, until)
        active += end - awake_until
        awake_until = end
    return Radio(wakeups, active)
