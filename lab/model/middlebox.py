"""What a NAT/firewall does to the flows that cross it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.rules import Label, WholeSecondsOrNever, Yaml
from lab.units import Seconds, WholeSeconds


class ForgottenFlow(str, Enum):
    """What happens to the next TCP segment of a flow whose mapping has expired.

    Each value is one row of what was measured on Linux conntrack; see ``lab/network/nft.py`` for the rules.
    """

    SILENT = "silent"
    """Dropped from both sides, no error to anyone: the field's black hole."""
    REPICKUP = "repickup-from-inside"
    """From inside: a new mapping, delivered. From outside: dropped silently."""
    RST_TO_SENDER = "rst-to-sender"
    """Whoever sends next gets a RST."""
    RST_TO_INSIDE = "rst-to-inside"
    """Inside senders get a RST; outside senders are dropped silently."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Middlebox(Yaml):
    """A named, sourced set of NAT behaviours.

    Attributes:
        name: catalogue name, or the one the scenario gives.
        established_idle_timeout: idle time after which an established TCP flow is forgotten (RFC 5382 REQ-5 asks for
            2 h 4 min at least); None: never within any run.
        forgotten: what happens to the next segment of a forgotten TCP flow.
        udp_mapping_timer: idle time after which a UDP mapping expires, any direction refreshing it (RFC 4787 REQ-5 asks
            for 2 min at least).
        source: where the values come from.
    """

    name: Label
    established_idle_timeout: WholeSecondsOrNever = None
    forgotten: ForgottenFlow = ForgottenFlow.SILENT
    udp_mapping_timer: WholeSeconds = Seconds(300)  # RFC 4787 §4.3 REQ-5c: 5 minutes recommended
    source: str = ""
