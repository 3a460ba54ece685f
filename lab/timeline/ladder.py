"""Makes the ladder: SIP messages, keep-alives, handshakes and ends between client and server, in one order. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

from lab.record.evidence import Evidence
from lab.timeline import sip_steps, transport_steps
from lab.timeline.shapes import Message


def messages(evidence: Evidence) -> tuple[Message, ...]:
    """Return all messages, in the order in which they were sent."""
    steps = sorted(
        (*sip_steps.steps(evidence), *transport_steps.steps(evidence)),
        key=lambda step: (step.message.at_s, min(step.message.evidence)),
    )
    first: dict[Hashable, int] = {}
    found = []
    for index, step in enumerate(steps):
        original = index if step.key is None else first.setdefault(step.key, index)
        found.append(dataclasses.replace(step.message, repeats=None if original == index else original))
    return tuple(found)
