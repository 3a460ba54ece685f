"""Computes how long the sentinel waits on a path; used by runner and judge. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.model.impairment import Impairment, loses, round_trip_s

_OPENED_S = 10.0  # room for three lost SYNs (1 s, 2 s, 4 s; RFC 6298 §2.1)
_OPENED_LOSSY_S = 2.0  # without a lost SYN; who has lost one retransmits late ever after
_ROUND_TRIPS = 4  # a handshake and a word each way; room for one retransmission that was not needed
_ATTEMPTS = 40  # at 30 % loss each way one attempt in four succeeds: of 100,000 cells one or two fail
_RETRANSMITS_S = 0.3  # Linux's smallest timeout is 0.2 s, and a delayed acknowledgement takes 0.04 s
_FOLLOWED_S = 3.0  # retransmissions come at 0.2 s, 0.6 s and 1.4 s (RFC 6298 §5.5)
_FOLLOWED_LOSSY_S = 20.0  # up to 18.9 s, if the first comes at 0.3 s: at 30 % loss one in 5,000 loses all seven


def opened_within_s(impairments: Sequence[Impairment]) -> float:
    """Return how long one attempt to open a flow may take, in seconds."""
    return (_OPENED_LOSSY_S if loses(impairments) else _OPENED_S) + _ROUND_TRIPS * round_trip_s(impairments)


def attempts(impairments: Sequence[Impairment]) -> int:
    """Return how often a flow may be opened anew; where nothing is lost the first attempt must succeed."""
    return _ATTEMPTS if loses(impairments) else 1


def retransmits_within_s(impairments: Sequence[Impairment]) -> float:
    """Return the longest retransmission timeout that a flow may have once it is open, in seconds."""
    return _RETRANSMITS_S + _ROUND_TRIPS * round_trip_s(impairments) if loses(impairments) else float("inf")


def followed_s(impairments: Sequence[Impairment]) -> float:
    """Return how long a challenge waits for an outcome, in seconds."""
    return (_FOLLOWED_LOSSY_S if loses(impairments) else _FOLLOWED_S) + _ROUND_TRIPS * round_trip_s(impairments)
