"""Reads the abilities of a client from the records of ``lab actor check``. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from lab.judge.account_check import more_than_it_has
from lab.record.events import (
    Aborted,
    Binding,
    ClientCall,
    ClientEvent,
    ClientReady,
    ClientTransport,
    Event,
    LimitPassed,
    NotifyReceived,
    Other,
    Probe,
    ProtocolError,
    Registered,
    Request,
    ResponseSent,
    ServerFlow,
    ServerSubscription,
    Step,
    Subscribed,
    name_of,
)
from lab.record.evidence import Evidence
from lab.sip.status import CHALLENGES, is_success

_Made = type[Binding] | type[ServerSubscription]


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
    """Return whether a scenario can use the client."""
    return all(finding.seen for finding in findings if finding.needed)


def findings(orderly: Evidence, hung_up: Evidence) -> list[Finding]:
    """Return what a client does.

    Args:
        orderly: of a client that was asked everything and told to stop.
        hung_up: of one whose input ended.
    """
    cell = orderly.cell
    asked = all(orderly.has(kind) for _, kind in _account(orderly))
    by_notify = [_accepts(orderly, "notify", "accepts NOTIFY", asked=asked, needed=True)] if cell.subscribes else []
    tells_notify = [_tells(orderly, NotifyReceived, "that a NOTIFY has been understood is else not in the record")]
    runs = _starts(orderly)
    found = [
        Finding(what="says `ready`", needed=True, seen=orderly.has(ClientReady), detail=_offers(orderly)),
        *_authenticates(orderly),
        *(finding for made, said in _account(orderly) for finding in _sets_up(orderly, made, said)),
        _does_no_more(orderly),
        *by_notify,
        _keeps_to_the_protocol([orderly, hung_up]),
        _ends(hung_up, "hang-up", "ends when its input does", needed=True),
        _accepts(orderly, "options", "accepts OPTIONS", asked=asked),
        _accepts(orderly, "message", "accepts MESSAGE", asked=asked),
        _accepts(orderly, "invite", "accepts a call (INVITE, BYE)", asked=asked, needed=not cell.subscribes),
        _ends(orderly, "stop", "ends at `stop`"),
        _tells(orderly, ClientTransport, "why a connection ended is else only what the network shows"),
        *(tells_notify if cell.subscribes else []),
        _tells(orderly, ClientCall, "that an ACK has arrived is else not known"),
    ]
    if not runs.seen and not orderly.has(ClientReady):  # of the others nothing is known
        found = [replace(finding, seen=None, detail="") for finding in found]
    return [runs, *found]


def _account(evidence: Evidence) -> list[tuple[_Made, type[Event]]]:
    """Return what the account has: what the server must know of, and what the client must say."""
    cell = evidence.cell
    registers: list[tuple[_Made, type[Event]]] = [(Binding, Registered)] if cell.registers else []
    return [*registers, *([(ServerSubscription, Subscribed)] if cell.subscribes else [])]


def _starts(evidence: Evidence) -> Finding:
    told = next((entry.t for entry in evidence.of(Step)), None)
    for entry in evidence.of(Aborted, who=evidence.client):
        if told is None or entry.t < told:
            said = any(isinstance(other.event, ClientEvent) for other in evidence.entries)
            when = f"after {entry.t:.1f} s" if said and entry.t >= 0 else "before it said anything"
            how = f"ended by {entry.event.how} {when}: {entry.event.last}"
            return Finding(what="runs", needed=True, seen=False, detail=how)
    return Finding(what="runs", needed=True, seen=True)


def _offers(evidence: Evidence) -> str:
    if not evidence.has(ClientReady):
        return ""
    offered = [kind for entry in evidence.of(ClientReady) for kind in entry.event.mitigations or ()]
    return f"offers {', '.join(offered)}" if offered else "offers no mitigation of its own"


def _authenticates(evidence: Evidence) -> Iterator[Finding]:
    """Say whether a challenge was answered, if the server challenges; a request that is not refused then has been."""
    if evidence.cell.server.authentication is None:
        return
    what = "answers a challenge (401)"
    codes = [entry.event.code for entry in evidence.of(ResponseSent)]
    challenged = any(code in CHALLENGES for code in codes)
    yield Finding(what=what, needed=True, seen=any(map(is_success, codes)) if challenged else None)


def _sets_up(evidence: Evidence, made: _Made, said: type[Event]) -> Iterator[Finding]:
    """Return whether the server knows of what the account has, and whether the client says so."""
    yield _made(evidence, made, "registers" if made is Binding else "subscribes")
    yield Finding(what=f"says `{name_of(said)}`", needed=True, seen=evidence.has(said))


def _does_no_more(evidence: Evidence) -> Finding:
    """Return whether the client keeps to its account."""
    more = more_than_it_has(evidence)
    return Finding(what="does no more than the account says", needed=True, seen=not more, detail=more)


def _made(evidence: Evidence, made: _Made, does: str) -> Finding:
    what = f"{does} at the server"
    for entry in evidence.of(made, state="active"):
        expires = f"after {entry.t:.2f} s, for {entry.event.expires:g} s"
        return Finding(what=what, needed=True, seen=True, detail=expires)
    requests = ", ".join(sorted({entry.event.method for entry in evidence.of(Request)}))
    flows = evidence.has(ServerFlow)
    came = f"only {requests} came" if requests else "it connected, no request came" if flows else "nothing came"
    return Finding(what=what, needed=True, seen=False, detail=came)


def _accepts(evidence: Evidence, probe: str, what: str, *, asked: bool, needed: bool = False) -> Finding:
    if not asked:
        return Finding(what=what, needed=needed, seen=None)
    for entry in evidence.of(Probe, probe=probe):
        code = entry.event.code
        if entry.event.state == "answered" and code is not None:
            return Finding(what=what, needed=needed, seen=is_success(code), detail=f"answers {code}")
        if entry.event.state == "failed":
            said = f"answers {code}" if code else entry.event.reason
            return Finding(what=what, needed=needed, seen=False, detail=said)
    return Finding(what=what, needed=needed, seen=None)


def _keeps_to_the_protocol(both: list[Evidence]) -> Finding:
    what = "keeps to the protocol"
    for evidence in both:
        for passed in evidence.of(LimitPassed):
            return Finding(what=what, needed=True, seen=False, detail=f"it {passed.event.what}")
        for entry in evidence.of(ProtocolError):
            wrote = f": `{entry.event.wrote[:80]}`" if entry.event.wrote else ""
            return Finding(what=what, needed=True, seen=False, detail=entry.event.why + wrote)
    others = sorted({entry.event.said for evidence in both for entry in evidence.of(Other)})
    unknown = f"the lab does not know {', '.join(others)}" if others else ""
    return Finding(what=what, needed=True, seen=any(evidence.entries for evidence in both), detail=unknown)


def _ends(evidence: Evidence, step: str, what: str, *, needed: bool = False) -> Finding:
    for told in evidence.of(Step, step=step):
        for entry in evidence.of(Aborted, who=evidence.client):
            if entry.t >= told.t:
                after = f"after {entry.t - told.t:.2f} s, by {entry.event.how}"
                return Finding(what=what, needed=needed, seen=True, detail=after)
            return Finding(what=what, needed=needed, seen=None)  # it had ended before
        return Finding(what=what, needed=needed, seen=False, detail="still there after 5 s")
    return Finding(what=what, needed=needed, seen=None)


def _tells(evidence: Evidence, kind: type[Event], cost: str) -> Finding:
    told = evidence.has(kind)
    return Finding(what=f"tells `{name_of(kind)}`", needed=False, seen=told, detail="" if told else cost)
