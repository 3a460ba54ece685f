"""What a path does to packets besides carrying them."""

from __future__ import annotations

from dataclasses import dataclass

from lab.model.rules import NodeName, Yaml
from lab.units import Delay, Percent, Rate, Seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Impairment(Yaml):
    """What happens to packets that one node sends to its neighbour; the other direction is an impairment of its own.

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
