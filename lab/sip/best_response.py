"""Chooses the best response of several branches (RFC 3261 §16.7 step 6)."""

from __future__ import annotations

GONE = "flow-gone"
NOT_REGISTERED = "not-registered"
"""Why a request that was held for a push failed: the client did not register in time."""
PUSH_REFUSED = "push-refused"
"""Why a request that was held for a push failed: the push service does not know the device's token."""
_UNREACHED = 480  # RFC 3261 §21.4.18
_AS_CODES = {"timeout": 408, GONE: 430, NOT_REGISTERED: _UNREACHED, PUSH_REFUSED: _UNREACHED}  # 430: RFC 5626 §11.5
_UNAVAILABLE = 503  # RFC 3261 §16.9: a transport error counts as that
GLOBAL_FAILURE = 600


def rank(code: int | None, reason: str) -> tuple[bool, int]:
    """Return how good a final answer is for the caller; the least is the best.

    Args:
        code: of the answer; None: there was none.
        reason: why there was none, as in `lab.record.events.Probe`.
    """
    counted = _AS_CODES.get(reason, _UNAVAILABLE) if code is None else code
    return counted < GLOBAL_FAILURE, counted // 100
