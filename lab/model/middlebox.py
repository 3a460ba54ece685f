"""Describes a NAT or firewall in the words of RFC 4787 (UDP) and RFC 5382 (TCP)."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum

from lab.model.rules import Label, WholeSecondsOrNever, Yaml
from lab.units import Seconds, WholeSeconds


class ForgottenFlow(str, Enum):
    """The response to a TCP flow whose mapping has expired; see ``lab/network/nft.py`` for the rules.

    The ``…-at-expiry`` values act at that moment (``lab/actors/mapping_expiry.py``); what is sent later is dropped
    silently.
    """

    SILENT = "silent"
    """Dropped from both sides, no error to anyone: the field's black hole."""
    REPICKUP = "repickup-from-inside"
    """From inside: a new mapping on the same port, delivered. From outside: dropped silently."""
    REPICKUP_NEW_PORT = "repickup-on-new-port"
    """From inside: a new mapping on another port, where the server knows no connection and answers with RST."""
    RST_TO_SENDER = "rst-to-sender"
    """Whoever sends next gets a RST."""
    RST_TO_INSIDE = "rst-to-inside"
    """Inside senders get a RST; outside senders are dropped silently."""
    RST_TO_BOTH = "rst-to-both-at-expiry"
    """Both ends get a RST when the mapping expires."""
    FIN_TO_INSIDE = "fin-to-inside-at-expiry"
    """The inside gets a FIN when the mapping expires, the outside nothing."""
    UNREACHABLE_TO_INSIDE = "unreachable-to-inside"
    """Inside senders get ICMP "administratively prohibited"; outside senders are dropped silently."""

    @property
    def picks_up(self) -> bool:
        """True if a segment from inside makes a new mapping in the middle of a flow."""
        return self in (ForgottenFlow.REPICKUP, ForgottenFlow.REPICKUP_NEW_PORT)

    @property
    def at_expiry(self) -> bool:
        """True if the middlebox acts when the mapping expires, not when the next segment comes."""
        return self in (ForgottenFlow.RST_TO_BOTH, ForgottenFlow.FIN_TO_INSIDE)


class RefreshDirection(str, Enum):
    """The direction of packets that restart a mapping's idle timer (RFC 4787 §4.3 REQ-6)."""

    BOTH = "both"
    OUTBOUND = "outbound"


class RefreshingSegments(str, Enum):
    """The TCP segments that restart the idle timer."""

    ANY = "any"
    """Acknowledgements and keep-alive probes, too."""
    DATA = "data"
    """Only those that carry data."""


class MappingBehavior(str, Enum):
    """The flows of one inside endpoint that share an outside port (RFC 4787 §4.1); UDP."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"


class FilteringBehavior(str, Enum):
    """The outside endpoints that may send to a mapped port (RFC 4787 §5); UDP."""

    ENDPOINT_INDEPENDENT = "endpoint-independent"
    ADDRESS_DEPENDENT = "address-dependent"
    ADDRESS_AND_PORT_DEPENDENT = "address-and-port-dependent"


class PortAssignment(str, Enum):
    """The outside port of a new mapping (RFC 4787 §4.2.1)."""

    PRESERVATION = "port-preservation"
    """The inside port if it is free."""
    NO_PRESERVATION = "no-port-preservation"
    """A random one (RFC 6056)."""


class Hairpinning(str, Enum):
    """The reachability of inside hosts through their outside addresses (RFC 4787 §6); UDP."""

    UNSUPPORTED = "unsupported"
    EXTERNAL_SOURCE = "external-source"
    """They do, and see each other's outside address and port (REQ-9)."""


class SipAlg(str, Enum):
    """A SIP transport whose messages an application-level gateway reads and rewrites, on the server's port 5060.

    Addresses of the inside become the mapped ones in Via, Contact, Request-URI and SDP, and back in what comes in. TLS
    cannot be read, so there is no such value.
    """

    UDP = "udp"
    TCP = "tcp"


class Grade(str, Enum):
    """The quality of the source of a value."""

    MEASURED = "measured"
    """Somebody measured it; the source says who."""
    DOCUMENTED = "documented"
    """The maker or the standard says so."""
    SECONDARY = "secondary"
    """Somebody else says so: configurations, guides, reports."""
    ASSUMED = "assumed"
    """Nobody says; what most devices do."""
    SYNTHETIC = "synthetic"
    """Made up for the lab on purpose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence(Yaml):
    """The quality of the sources of a profile's values, by group (``GROUPS``)."""

    tcp: Grade = Grade.ASSUMED
    udp: Grade = Grade.ASSUMED
    forgotten: Grade = Grade.ASSUMED
    refresh: Grade = Grade.ASSUMED
    translation: Grade = Grade.ASSUMED
    alg: Grade = Grade.ASSUMED


@dataclass(frozen=True, kw_only=True, slots=True)
class Middlebox(Yaml):
    """A named, sourced set of NAT behaviors.

    Attributes:
        name: catalog name, or the one the scenario gives.
        established_idle_timeout: idle time after which an established TCP flow is forgotten (RFC 5382 REQ-5 asks for
            2 h 4 min at least); None: never within any run.
        transitory_timeout: the same for a TCP flow that is being opened or closed (REQ-5 asks for 4 min at least).
        forgotten: what a forgotten TCP flow meets.
        udp_mapping_timer: idle time after which a UDP mapping expires (RFC 4787 REQ-5 asks for 2 min at least).
        udp_one_way_timer: the same for a mapping that is new or has not been answered; None: no other timer for them.
            A packet of a mapping that has been answered and is two seconds old changes it to ``udp-mapping-timer``.
        refresh_direction: whose packets start the idle timers anew.
        refreshing_segments: which segments start a TCP flow's timer anew.
        lifetime: age at which a mapping ends however busy it is; None: none.
        mapping: which flows share an outside port.
        filtering: who may send to it.
        port_assignment: which port it is.
        hairpinning: whether it can be reached from inside.
        sip_alg: which SIP transports it meddles with; empty: none.
        evidence: how well all this is known.
        source: where the values come from.
    """

    name: Label
    established_idle_timeout: WholeSecondsOrNever = None
    transitory_timeout: WholeSeconds = Seconds(240)  # RFC 5382 §5 REQ-5: 4 minutes at least
    forgotten: ForgottenFlow = ForgottenFlow.SILENT
    udp_mapping_timer: WholeSeconds = Seconds(300)  # RFC 4787 §4.3 REQ-5c: 5 minutes recommended
    udp_one_way_timer: WholeSeconds | None = None
    refresh_direction: RefreshDirection = RefreshDirection.BOTH
    refreshing_segments: RefreshingSegments = RefreshingSegments.ANY
    lifetime: WholeSecondsOrNever = None
    mapping: MappingBehavior = MappingBehavior.ENDPOINT_INDEPENDENT
    filtering: FilteringBehavior = FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT
    port_assignment: PortAssignment = PortAssignment.PRESERVATION
    hairpinning: Hairpinning = Hairpinning.UNSUPPORTED
    sip_alg: tuple[SipAlg, ...] = ()
    evidence: Evidence = Evidence()
    source: str = ""

    @property
    def new_udp_timer(self) -> Seconds:
        """The timer of a UDP mapping that is new or has not been answered."""
        return self.udp_mapping_timer if self.udp_one_way_timer is None else self.udp_one_way_timer

    @property
    def maps_like_linux(self) -> bool:
        """Return whether conntrack's table alone holds its UDP mappings, without memory beside it."""
        return (
            self.filtering is FilteringBehavior.ADDRESS_AND_PORT_DEPENDENT
            and self.hairpinning is Hairpinning.UNSUPPORTED
            and (self.mapping, self.port_assignment) in _OF_LINUX
        )

    @property
    def ages_in_kernel(self) -> bool:
        """Return whether conntrack's own timers do.

        They are idle timers, which any packet starts anew; they end in silence, and nothing but conntrack's table hears
        of it.
        """
        return (
            self.refresh_direction is RefreshDirection.BOTH
            and self.refreshing_segments is RefreshingSegments.ANY
            and self.lifetime is None
            and not self.forgotten.at_expiry
            and self.maps_like_linux
        )


_OF_LINUX = (
    (MappingBehavior.ENDPOINT_INDEPENDENT, PortAssignment.PRESERVATION),
    (MappingBehavior.ADDRESS_AND_PORT_DEPENDENT, PortAssignment.NO_PRESERVATION),
)
"""What ``masquerade`` does, without and with ``random``."""

GROUPS = {
    "established_idle_timeout": "tcp",
    "transitory_timeout": "tcp",
    "forgotten": "forgotten",
    "udp_mapping_timer": "udp",
    "udp_one_way_timer": "udp",
    "refresh_direction": "refresh",
    "refreshing_segments": "refresh",
    "lifetime": "refresh",
    "mapping": "translation",
    "filtering": "translation",
    "port_assignment": "translation",
    "hairpinning": "translation",
    "sip_alg": "alg",
}
"""Of each behavior, the field of ``Evidence`` that says how well it is known."""

BEHAVIORS = tuple(field.name for field in fields(Middlebox) if field.name in GROUPS)
