"""Describes what a path does to packets besides forwarding them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.model.rules import NodeName, Yaml
from lab.units import Delay, Percent, Rate, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Impairment(Yaml):
    """Delay, loss and the like for packets from one node to its neighbour; each direction has its own impairment.

    Models: netem on the sender's interface. Loss, duplication and reordering are independent from packet to packet.
    Does not model: bursts of loss; a jitter without reordering (netem lets a later packet overtake).

    Attributes:
        from_: the sender.
        to: the receiver, at the other end of a link.
        one_way_delay: added to each packet.
        jitter: the delay varies by as much, up and down, evenly.
        loss: share of packets that vanish.
        duplicate: share of packets that arrive twice.
        reorder: share of packets that are sent at once and so overtake those delayed.
        rate: what the path carries; None: anything.
    """

    from_: NodeName
    to: NodeName
    one_way_delay: Delay = Seconds(0)
    jitter: Delay = Seconds(0)
    loss: Percent = Percent(0)
    duplicate: Percent = Percent(0)
    reorder: Percent = Percent(0)
    rate: Rate | None = None


_FULL_PACKET_BITS = 8 * 1514


def round_trip_s(impairments: Sequence[Impairment]) -> float:
    """Return the longest time that a full packet and its answer are under way if they meet all of them, in seconds."""
    return sum(
        each.one_way_delay + each.jitter + (_FULL_PACKET_BITS / each.rate if each.rate else 0.0) for each in impairments
    )


def loses(impairments: Sequence[Impairment]) -> bool:
    """Return whether packets vanish on the way."""
    return any(each.loss > 0 for each in impairments)
