"""Computes how often traffic wakes a phone's radio, and for how long the radio stays awake. Pure.

A cellular network releases the radio connection of a phone that has been quiet for the inactivity timer; until then
the radio draws power (the tail). So a packet after a longer pause costs a wake-up and a tail, whatever its size.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from lab.model.scenario import RadioKind


class Network(NamedTuple):
    """A cellular network, as far as it decides when a radio sleeps.

    Attributes:
        inactivity_s: for how long after the last packet the radio is awake.
        source: where the number comes from.
    """

    inactivity_s: float
    source: str


NETWORKS = {
    RadioKind.UMTS: Network(
        17.0,
        "Qian et al., Characterizing Radio Resource Allocation for 3G Networks, IMC 2010: 5 s from DCH to FACH and 12 s"
        " from there to idle, of one of two carriers (6 s and 4 s of the other); quoted from memory. FACH draws about"
        " half of DCH's power, which is not modelled.",
    ),
    RadioKind.LTE: Network(
        10.0,
        "RRC inactivity timer, chosen by the operator; 10 s is the usual figure in papers on it. Huang et al., A Close"
        " Examination of Performance and Power Characteristics of 4G LTE Networks, MobiSys 2012, found the tail to be"
        " what costs most; that theirs took 11.6 s is quoted from memory.",
    ),
    RadioKind.NR: Network(
        10.4,
        "Narayanan et al., A Variegated Look at 5G in the Wild, SIGCOMM 2021, stand-alone 5G of one carrier; quoted"
        " from memory. RRC_INACTIVE, in which a phone sleeps and waking is cheaper, counts as asleep.",
    ),
}


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
