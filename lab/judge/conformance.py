"""What the records of ``lab actor check`` show of a client. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from lab.judge.story import Line, Story


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing a client does, or does not.

    Attributes:
        what: it does.
        needed: whether a scenario cannot do without.
        seen: whether it did; None: it did not get so far.
        detail: what was seen, or what the lack of it costs.
    """

    what: str
    needed: bool
    seen: bool | None
    detail: str = ""


def conforms(findings: list[Finding]) -> bool:
    """Whether a scenario can use the client."""
    return all(finding.seen for finding in findings if finding.needed)


def findings(orderly: list[Line], hung_up: list[Line]) -> list[Finding]:
    """What a client does.

    Args:
        orderly: the record of a client that was asked everything and told to stop.
        hung_up: that of one whose input ended.
    """
    story = Story(orderly)
    subscribed = _says(story, "subscribed")
    return [
        _starts(story),
        Finding(what="says `ready`", needed=True, seen=_says(story, "ready"), detail=_offers(story)),
        _subscribes(story),
        Finding(what="says `subscribed`", needed=True, seen=subscribed),
        _accepts(story, "notify", "accepts NOTIFY", asked=subscribed, needed=True),
        _keeps_to_the_protocol([story, Story(hung_up)]),
        _ends(Story(hung_up), "hang-up", "ends when its input does", needed=True),
        _accepts(story, "options", "accepts OPTIONS", asked=subscribed),
        _accepts(story, "message", "accepts MESSAGE", asked=subscribed),
        _accepts(story, "invite", "accepts a call (INVITE, BYE)", asked=subscribed),
        _ends(story, "stop", "ends at `stop`"),
        _tells(story, "transport", "why a connection ended is else only what the network shows"),
        _tells(story, "notify", "that a NOTIFY has been understood is else not in the record"),
        _tells(story, "call", "that an ACK has arrived is else not known"),
    ]


def _says(story: Story, ev: str) -> bool:
    return any(True for _ in story.of("client", ev))


def _starts(story: Story) -> Finding:
    told = next((line["t"] for _, line in story.of("runner", "step")), None)
    for _, line in story.of("client", "aborted"):
        if told is None or line["t"] < told:
            how = f"ended by {line['how']} after {line['t']:.1f} s: {line['last']}"
            return Finding(what="runs", needed=True, seen=False, detail=how)
    return Finding(what="runs", needed=True, seen=True)


def _offers(story: Story) -> str:
    offered = [kind for _, line in story.of("client", "ready") for kind in line.get("mitigations") or ()]
    return f"offers {', '.join(offered)}" if offered else "offers no mitigation of its own"


def _subscribes(story: Story) -> Finding:
    for _, line in story.of("server", "subscription", state="active"):
        expires = f"after {line['t']:.2f} s, for {line['expires']:g} s"
        return Finding(what="subscribes at the server", needed=True, seen=True, detail=expires)
    requests = ", ".join(sorted({line["method"] for _, line in story.of("server", "request")}))
    flows = any(True for _ in story.of("server", "flow"))
    came = f"only {requests} came" if requests else "it connected, no request came" if flows else "nothing came"
    return Finding(what="subscribes at the server", needed=True, seen=False, detail=came)


def _accepts(story: Story, probe: str, what: str, *, asked: bool, needed: bool = False) -> Finding:
    if not asked:
        return Finding(what=what, needed=needed, seen=None)
    for _, line in story.of("server", "probe", probe=probe):
        if line["state"] == "answered":
            code = line["code"]
            return Finding(what=what, needed=needed, seen=200 <= code < 300, detail=f"answers {code}")
        if line["state"] == "failed":
            said = f"answers {line['code']}" if line["code"] else line["reason"]
            return Finding(what=what, needed=needed, seen=False, detail=said)
    return Finding(what=what, needed=needed, seen=None)


def _keeps_to_the_protocol(stories: list[Story]) -> Finding:
    what = "keeps to the protocol"
    for story in stories:
        for _, line in story.of("runner", "protocol-error"):
            wrote = f": `{line['wrote'][:80]}`" if line["wrote"] else ""
            return Finding(what=what, needed=True, seen=False, detail=line["why"] + wrote)
    others = sorted({line["said"] for story in stories for _, line in story.of("client", "other")})
    unknown = f"the lab does not know {', '.join(others)}" if others else ""
    return Finding(what=what, needed=True, seen=any(story.lines for story in stories), detail=unknown)


def _ends(story: Story, step: str, what: str, *, needed: bool = False) -> Finding:
    for _, told in story.of("runner", "step", step=step):
        for _, line in story.of("client", "aborted"):
            if line["t"] >= told["t"]:
                after = f"after {line['t'] - told['t']:.2f} s, by {line['how']}"
                return Finding(what=what, needed=needed, seen=True, detail=after)
            return Finding(what=what, needed=needed, seen=None)  # it had ended before
        return Finding(what=what, needed=needed, seen=False, detail="still there after 5 s")
    return Finding(what=what, needed=needed, seen=None)


def _tells(story: Story, ev: str, cost: str) -> Finding:
    told = _says(story, ev)
    return Finding(what=f"tells `{ev}`", needed=False, seen=told, detail="" if told else cost)
