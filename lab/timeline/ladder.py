"""Makes the ladder: SIP messages, keep-alives, handshakes and ends between client and server, in one order. Pure."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Hashable, Sequence

from lab.record.evidence import BEFORE_S, Evidence
from lab.timeline import sip_steps, transport_steps
from lab.timeline.shapes import Message
from lab.timeline.steps import Step


def messages(evidence: Evidence) -> tuple[Message, ...]:
    """Return all messages, in the order in which they were sent."""
    steps = sorted(
        (*sip_steps.steps(evidence), *transport_steps.steps(evidence)),
        key=lambda step: (step.message.at_s, min(step.message.evidence)),
    )
    carried = _Carried(steps)
    first: dict[Hashable, int] = {}
    found: list[Message] = []
    for index, step in enumerate(steps):
        original = index
        if step.key is not None:
            original = first.setdefault(step.key, _first(found, carried.by(step, index)))
        found.append(dataclasses.replace(step.message, repeats=None if original == index else original))
    return tuple(found)


def _first(found: Sequence[Message], index: int) -> int:
    """Return the first sending of a message that is found already."""
    repeated = found[index].repeats if index < len(found) else None
    return index if repeated is None else repeated


class _Carried:
    """The SIP messages that segments carried first, by when they were sent."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._sent: dict[tuple[str, str | None], list[tuple[float, int]]] = defaultdict(list)
        for index, step in enumerate(steps):
            if step.message.kind == "sip":
                self._sent[step.message.from_, step.message.flow].append((step.message.at_s, index))

    def by(self, step: Step, index: int) -> int:
        """Return the message that a segment carried when it was sent first; the index given: none is known."""
        if step.original_s is None:
            return index
        sent = self._sent[step.message.from_, step.message.flow]
        place = bisect_left(sent, (step.original_s, len(self._steps)))
        around = [each for each in sent[max(0, place - 1) : place + 1] if each[1] < index]
        near = [each for each in around if abs(each[0] - step.original_s) <= BEFORE_S]
        return min(near, key=lambda each: abs(each[0] - (step.original_s or 0.0)))[1] if near else index
