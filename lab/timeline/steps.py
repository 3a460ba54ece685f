"""Defines a step of the ladder while it is made."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from lab.timeline.shapes import Message


class Step(NamedTuple):
    """A message of the ladder.

    Attributes:
        message: without the index of what it repeats.
        key: what it shares with its retransmissions, and with nothing else; None: it has none.
        original_s: of a segment that TCP sent again, when it was sent first; None: it is none.
    """

    message: Message
    key: Hashable | None
    original_s: float | None = None
