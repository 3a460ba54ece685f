"""Decides when linphone is told to register again after a failure, as an application would tell it."""

from __future__ import annotations

from random import Random

OK, FAILED = 2, 4
"""LinphoneRegistrationOk, LinphoneRegistrationFailed: enums/registration-enums.h."""


class Reconnecting:
    """The pauses of the mitigation ``reconnect``: each twice the one before, times a random number from 0.5 to 1.

    linphone itself registers again at once when its connection ends, and after `refresher_retry_after` (60 s) when that
    has failed. This comes before the second.

    Args:
        first, longest: seconds.
        random: for the pauses.
    """

    def __init__(self, first: float, longest: float, random: Random) -> None:
        self._first, self._longest = first, longest
        self._random = random
        self._attempts = 0
        self._at: float | None = None

    def registration(self, state: int, now: float) -> None:
        """Take note of the state of the registration."""
        if state == OK:
            self._attempts, self._at = 0, None
        elif state == FAILED and self._at is None:
            pause = min(self._longest, self._first * 2.0**self._attempts)
            self._attempts += 1
            self._at = now + pause * self._random.uniform(0.5, 1.0)

    def due(self, now: float) -> bool:
        """Return whether to register now; says so once."""
        if self._at is None or now < self._at:
            return False
        self._at = None
        return True
