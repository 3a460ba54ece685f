"""Defines status codes of SIP responses (RFC 3261 §7.2)."""

from __future__ import annotations

FAILED_FROM = 300
"""Status codes from here on are failures."""
UNAUTHORIZED = 401
PROXY_AUTHENTICATION_REQUIRED = 407
CHALLENGES = frozenset((UNAUTHORIZED, PROXY_AUTHENTICATION_REQUIRED))
"""Status codes that ask who the sender is (RFC 3261 §22): an answer, and the sender may try again."""


def is_success(code: int | None) -> bool:
    """Return whether it is a 2xx; None stands for no answer."""
    return code is not None and 200 <= code < FAILED_FROM
