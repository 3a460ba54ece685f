"""Lists the releases of pjsip that can be the client: their packages and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.model.authentication import DigestAlgorithm
from lab.model.scenario import DEFAULT_PJSIP

_NO_RECEIVED = "its transport manager cannot tell what is received (pjsip_tpmgr_set_recv_data_cb)"
_NO_SOCKET_OPTIONS = "its pjsua2 cannot set socket options (TransportConfig.sockOptParams)"


@dataclass(frozen=True, slots=True)
class Release:
    """One release.

    Attributes:
        package: version of the PyPI package pjsua2-python that holds it.
        transports: SIP transports it has.
        digests: algorithms with which it authenticates.
        lacks: why a mitigation cannot be had with it, by kind.
    """

    package: str
    transports: tuple[str, ...] = ("udp", "tcp", "tls")
    digests: tuple[DigestAlgorithm, ...] = (DigestAlgorithm.MD5, DigestAlgorithm.SHA_256)
    lacks: Mapping[str, str] = field(default_factory=dict)


DEFAULT = DEFAULT_PJSIP

RELEASES: dict[str, Release] = {
    "2.10": Release(
        package="2.10.post6",
        transports=("udp", "tcp"),  # built without TLS: PJSIP_EUNSUPTRANSPORT
        digests=(DigestAlgorithm.MD5,),  # to SHA-256 it has no answer
        lacks={
            "options-ping": "its pjsua2 cannot send a request of one's own (Account.sendRequest)",
            "tcp-keepalive": _NO_SOCKET_OPTIONS,
            "tcp-user-timeout": _NO_SOCKET_OPTIONS,
            "adaptive": _NO_RECEIVED,
            "drop-dead-flow": _NO_RECEIVED,
            "pong-watchdog": _NO_RECEIVED,
        },
    ),
    DEFAULT: Release(package="2.15.1.post1"),
}
"""By what `pjsip` says in a scenario, which is what the library says of itself."""
