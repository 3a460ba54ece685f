"""When the flow that the silence began with broke, who noticed, and when it was mended. Pure.

What counts as noticing: of the client, the end of the connection, or a request that failed (408, 503, a mitigation's
``unanswered``); of the server, the end of the connection, or a request of its own that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.judge.story import ENDED_AT_CLIENT, ENDED_AT_SERVER, FAILED_FROM, Flow, Story
from lab.model.outcome import CauseFound, Repair

LEAKED_AFTER_S = 33.0
"""A transport that has ended and is still there after so long has been forgotten: a transaction, the last to hold a
reference in good faith, lives for 32 s (Timer B and F, RFC 3261 §17.1)."""


def repair(story: Story, cause: CauseFound | None, ends: float) -> Repair:
    """What became of the flow.

    Args:
        story: the record.
        cause: of the first lost probe; None if none was lost, and then the record is searched for the break.
        ends: end of the run.
    """
    flow = story.subscription_flow(0.0)
    broken = cause.at_s if cause is not None and cause.at_s is not None else _first_break(story, flow, ends)
    if broken is None or flow is None:
        return Repair()

    def after(times: Iterable[float]) -> float | None:
        later = [t - broken for t in times if broken <= t <= ends]
        return round(min(later), 3) if later else None

    made = ("active", "refreshed")
    return Repair(
        broken_s=broken,
        client_noticed_after_s=after(_client_signs(story, flow)),
        server_noticed_after_s=after(_server_signs(story, flow)),
        resubscribed_after_s=after(_times(story, "subscription", made)),
        reregistered_after_s=after(_times(story, "binding", made)),
    )


def stale_contacts(story: Story, ends: float) -> int:
    """How many subscriptions and bindings the server holds at the end whose flow is gone, whether it knows or not."""
    stale = 0
    for ev in ("subscription", "binding"):
        last = {line["id"]: line for _, line in story.of("server", ev) if line["t"] <= ends}
        for line in last.values():
            live = line["state"] in ("active", "refreshed") and line["t"] + line["expires"] > ends
            flow = story.flow(line["flow"], line["t"])
            if live and flow is not None and any(t <= ends for t in _ends(story, flow)):
                stale += 1
    return stale


def leaked_sockets(story: Story, ends: float) -> int:
    """How many transports of the client ended long before the end of the run and were never destroyed."""
    ended: dict[str, float] = {}
    destroyed = set()
    for _, line in story.of("client", "transport"):
        if line["state"] == "destroyed":
            destroyed.add(line["id"])
        elif line["state"] in ENDED_AT_CLIENT:
            ended.setdefault(line["id"], line["t"])
    return sum(1 for name, t in ended.items() if name not in destroyed and t <= ends - LEAKED_AFTER_S)


def _first_break(story: Story, flow: Flow | None, ends: float) -> float | None:
    """The first thing that happened to the flow: a fault, its end at either side, or that of its mapping."""
    times = [line["t"] for _, line in story.of("runner", "fault")]
    if flow is not None:
        times += [*_ends(story, flow), *_mapping_ends(story, flow)]
    return min((t for t in times if 0 <= t <= ends), default=None)


def _ends(story: Story, flow: Flow) -> Iterator[float]:
    yield from (line["t"] for _, line in story.transport(flow) if line["state"] in ENDED_AT_CLIENT)
    for _, line in story.of("server", "flow", id=flow.id):
        if line["state"] in ENDED_AT_SERVER:
            yield line["t"]


def _mapping_ends(story: Story, flow: Flow) -> Iterator[float]:
    """Ends of the flow's mappings, unless they were made anew."""
    for inside in flow.hops or (flow.inside,):
        last = None
        for _, line in story.of("middlebox", "mapping", inside=inside):
            last = line["t"] if line["state"] == "destroyed" else None
        if last is not None:
            yield last


def _client_signs(story: Story, flow: Flow) -> Iterator[float]:
    yield from (line["t"] for _, line in story.transport(flow) if line["state"] in ENDED_AT_CLIENT)
    for _, line in story.of("client", "unanswered"):
        yield line["t"]
    for ev in ("options-answer", "registration", "subscription"):
        for _, line in story.of("client", ev):
            if line["code"] >= FAILED_FROM:
                yield line["t"]


def _server_signs(story: Story, flow: Flow) -> Iterator[float]:
    for _, line in story.of("server", "flow", id=flow.id):
        if line["state"] in ENDED_AT_SERVER:
            yield line["t"]
    for ev in ("probe", "keep-alive"):
        yield from _times(story, ev, ("failed",))


def _times(story: Story, ev: str, states: tuple[str, ...]) -> Iterator[float]:
    return (line["t"] for _, line in story.of("server", ev) if line["state"] in states)
