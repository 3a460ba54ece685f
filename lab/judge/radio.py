"""Computes how often traffic wakes a phone's radio, and for how long the radio stays awake. Pure.

A cellular network releases the radio connection of a phone that has been quiet for the inactivity timer; until then
the radio draws power (the tail). So a packet after a longer pause costs a wake-up and a tail, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lab.model.radio import NETWORKS
from lab.model.scenario import RadioKind


class Radio(NamedTuple):
    """The effect of packets on the radio.

    Attributes:
        wakeups: bursts, separated by more than the network's inactivity timer.
        active_s: time in bursts and their tails.
    """

    wakeups: int
    active_s: float


def radio(times: Iterable[float], *, until: float, kind: RadioKind) -> Radio:
    """Count bursts of packets.

    Args:
        times: of the packets, in either direction, in seconds and in order.
        until: when the observation ended; a tail is cut there.
        kind: of the network.
    """
    inactivity = NETWORKS[kind].inactivity_s
    wakeups, active, awake_until = 0, 0.0, float("-inf")
    for t in times:
        if t > awake_until:
            wakeups += 1
            awake_until = t
        end = min(t + inactivity, until)
        active += end - awake_until
        awake_until = end
    return Radio(wakeups, active)
