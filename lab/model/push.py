"""Defines the push service of a scenario: how long pushes take, and how many it loses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.rules import Yaml
from lab.units import Percent, Seconds


class PushPriority(str, Enum):
    """The priority of a push message."""

    HIGH = "high"
    """It wakes a device that sleeps."""
    NORMAL = "normal"
    """It waits until the device is awake, as for the next maintenance window."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Push(Yaml):
    """The push service between the server and the device (RFC 8599: PNS), which is the lab's own.

    Its delay is drawn for each push from the scenario's seed: lognormal, by its median and its 95th percentile. The
    defaults fit a mean of 800 ms and a 95th percentile of 2 s, as an app for video calls measured them with APNs' VoIP
    pushes (Apple Developer Forums, thread 825224). LoginTC measured a mean of 1.07 s on iOS and of 2.31 s on Android in
    2013.

    Attributes:
        delay: the median.
        delay_p95: the 95th percentile; equal to the median: each push takes exactly that long.
        loss: how many pushes never reach the device; there is no measurement to take a default from.
        token_lasts: for how long the device's token is active, from time zero on; a push after that is refused (410).
            None: for ever.
    """

    delay: Seconds = Seconds(0.62)
    delay_p95: Seconds = Seconds(2)
    loss: Percent = Percent(0)
    token_lasts: Seconds | None = None

    def __post_init__(self) -> None:
        """Check that they fit together.

        Raises:
            ValueError: they do not.
        """
        if self.delay_p95 < self.delay:
            raise ValueError("the 95th percentile is shorter than the median; `delay-p95` from `delay` up")
        if float(self.delay) == 0 < float(self.delay_p95):
            raise ValueError("no lognormal delay has a median of 0; `delay` above 0, or `delay-p95: 0 s`, too")
