"""Explains by a client that came with another address: it moved to another network."""

from __future__ import annotations

from collections.abc import Iterator

from lab.importing.case import Case
from lab.importing.hypothesis import Hypothesis


def explain(case: Case) -> Iterator[Hypothesis]:
    """Yield the explanation if a later flow begins at another host on the client's side."""
    story = case.story
    if story.sides.near is None:
        return
    for before, after in zip(story.flows, story.flows[1:], strict=False):
        if after.client.host != before.client.host and after.start > story.zero:
            last = max((event.t for event in before.events if event.up), default=before.end)
            at = max(story.at(last) + 0.5, min(story.at(after.start) - 0.5, story.at(last) + 1))
            yield Hypothesis(
                name="moved",
                cause="client-changed-address",
                score=0.95,
                at=story.zero + at,
                within=max(1.0, after.start - last),
                text=f"From {story.at(after.start):.1f} s on the client had another address.",
                topology="wifi-and-cellular",
                faults=({"client-move": {"at": at}},),
            )
            return
