"""Describes the radio of a phone in a cellular network: when it sleeps, and how long it takes to wake.

Four states. *Idle*: the radio sleeps, and listens for a page once in each paging cycle. *Promotion*: the connection is
set up. *Connected*: packets pass at once. *Tail*: nothing passes, and the network keeps the connection until its
inactivity timer is over.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.model.scenario import RadioKind


class Network(NamedTuple):
    """A cellular network, as far as it decides when a radio sleeps.

    Attributes:
        inactivity_s: the tail: for how long after the last packet the radio is awake.
        source: where that number comes from.
        cycle_s: how often a radio that sleeps listens for a page.
        promotion_s: from the page to the connection.
        paging_source: where these two come from.
    """

    inactivity_s: float
    source: str
    cycle_s: float
    promotion_s: float
    paging_source: str

    @property
    def paging_s(self) -> float:
        """The mean delay of the first packet to a radio that sleeps: half a cycle, and the promotion."""
        return self.cycle_s / 2 + self.promotion_s


NETWORKS = {
    RadioKind.UMTS: Network(
        17.0,
        "Qian et al., Characterizing Radio Resource Allocation for 3G Networks, IMC 2010: 5 s from DCH to FACH and 12 s"
        " from there to idle, of one of two carriers (6 s and 4 s of the other); quoted from memory. FACH draws about"
        " half of DCH's power, which is not modelled.",
        1.28,
        2.0,
        "3GPP TS 25.304 §8.3: cycles of 0.08 s to 5.12 s, chosen by the operator, of which 1.28 s is a usual one;"
        " promotion of 2 s from idle to DCH: Qian et al., IMC 2010; both quoted from memory.",
    ),
    RadioKind.LTE: Network(
        10.0,
        "RRC inactivity timer, chosen by the operator; 10 s is the usual figure in papers on it. Huang et al., A Close"
        " Examination of Performance and Power Characteristics of 4G LTE Networks, MobiSys 2012, found the tail to be"
        " what costs most; that theirs took 11.6 s is quoted from memory.",
        1.28,
        0.26,
        "3GPP TS 36.331, defaultPagingCycle: 0.32 s to 2.56 s, chosen by the operator, of which 1.28 s is a usual one;"
        " promotion of 0.26 s: Huang et al., MobiSys 2012; both quoted from memory.",
    ),
    RadioKind.NR: Network(
        10.4,
        "Narayanan et al., A Variegated Look at 5G in the Wild, SIGCOMM 2021, stand-alone 5G of one carrier; quoted"
        " from memory. RRC_INACTIVE, in which a phone sleeps and waking is cheaper, counts as asleep.",
        1.28,
        0.26,
        "3GPP TS 38.331, defaultPagingCycle: as in LTE; of promotions in stand-alone 5G no figure is at hand, so it is"
        " LTE's.",
    ),
}
