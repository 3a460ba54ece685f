"""Makes the SIP messages of the ladder, from what client and server say that they sent and read. Pure.

A message that its sender tells of and the other end does not was lost on the way. Where an end tells of no messages at
all, as many clients do not, it is not known whether they arrived.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lab.model.endpoint import Endpoint
from lab.record.entry import Entry
from lab.record.events import MessageWay, ServerSipMessage, SipMessage
from lab.record.evidence import BEFORE_S, Evidence
from lab.record.message_texts import whole_texts
from lab.timeline.arrivals import Seen, least_s, matched
from lab.timeline.client_flows import ClientFlows, secured_at
from lab.timeline.shapes import Message
from lab.timeline.steps import Step
from lab.visible_text import visible

LONGEST_TEXT = 65_536
"""Characters of a message that are shown; the record has more of it."""
LONGEST_LINE = 300
"""Characters of a first line; the text has the rest."""

_HEADER = re.compile(r"^(v|via|i|call-id|cseq)[ \t]*:[ \t]*(.*?)[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_NAMES = {"v": "via", "i": "call-id"}  # RFC 3261 §7.3.3
_BRANCH = re.compile(r";\s*branch\s*=\s*([^;,\s]+)", re.IGNORECASE)
_SENT_BY = re.compile(r"^\S+\s+(\S+?:\d+)\s*(?:;|$)")


class _Heard(NamedTuple):
    """A message as one end tells it."""

    entry: Entry[SipMessage] | Entry[ServerSipMessage]
    text: str
    first: str
    via: str
    call_id: str
    cseq: str

    @property
    def key(self) -> tuple[str, ...]:
        """The identity of the message, the same at both ends, also behind a SIP ALG, which changes addresses."""
        word, _, rest = self.first.partition(" ")
        what = f"SIP {rest[:3]}" if word.upper().startswith("SIP/") else word
        branch = _BRANCH.search(self.via)
        return (what, self.call_id, self.cseq, branch[1] if branch else "")

    @property
    def sent_by(self) -> Endpoint | None:
        """The address and port in the topmost Via."""
        found = _SENT_BY.search(self.via)
        try:
            return Endpoint.parse(found[1]) if found else None
        except ValueError:
            return None


def steps(evidence: Evidence) -> Iterator[Step]:
    """Yield all SIP messages, in no order."""
    texts = whole_texts(evidence.entries)
    flows = ClientFlows(evidence)
    client: dict[MessageWay, list[_Heard]] = {"sent": [], "received": []}
    server: dict[MessageWay, list[_Heard]] = {"sent": [], "received": []}
    for entry in evidence.of(SipMessage):
        client[entry.event.way].append(_read(entry, texts[entry.line]))
    for one in evidence.of(ServerSipMessage):
        heard = _read(one, texts[one.line])
        server[one.event.way].append(heard)
        flows.carried(heard.key[-1], one.event.flow)
    secured = secured_at(evidence)
    to_server = (evidence.client, evidence.server)
    for step in _one_way(evidence, client["sent"], server["received"], to_server, flows):
        yield _when_secured(step, secured)
    yield from _one_way(evidence, server["sent"], client["received"], to_server[::-1], flows)


def _when_secured(step: Step, secured: dict[str, float]) -> Step:
    """Return a message that pjsip tells of before its connection is there with the time when that could carry it."""
    message = step.message
    ready = secured.get(message.flow or "", message.at_s)
    if message.arrived_s is None or not message.at_s < ready <= message.arrived_s:
        return step
    return step._replace(message=dataclasses.replace(message, at_s=ready))


def _one_way(
    evidence: Evidence,
    sent: Sequence[_Heard],
    received: Sequence[_Heard],
    ends: tuple[str, str],
    flows: ClientFlows,
) -> Iterator[Step]:
    """Yield the messages of one direction."""
    over = max(entry.t for entry in evidence.entries) if evidence.entries else 0.0
    way = least_s(evidence.cell, to_server=ends[0] == evidence.client)
    pairs = matched(_seen(sent), _seen(received), least_s=way)
    arrivals = {sending: received[receipt] for receipt, sending in pairs.items()}
    for place, each in enumerate(sent):
        arrived = arrivals.get(place)
        lost: bool | None = False
        if arrived is None:
            lost = True if received and each.entry.t + way + BEFORE_S <= over else None
        yield _step(each, arrived, ends, lost=lost, flow=_flow(each, arrived, flows))
    for place, each in enumerate(received):
        if place not in pairs:  # its sender does not tell
            yield _step(each, each, ends, lost=False, flow=_flow(each, None, flows))


def _seen(heard: Sequence[_Heard]) -> list[Seen]:
    return [Seen(each.entry.t, each.key) for each in heard]


def _flow(sent: _Heard, arrived: _Heard | None, flows: ClientFlows) -> str | None:
    """Return the flow: as the server says; else that of the address in the Via, or of the request.

    A client has its own address there, or the one that it has learnt from the server.
    """
    for each in (sent, arrived):
        if each is not None and isinstance(each.entry.event, ServerSipMessage):
            return each.entry.event.flow
    if not sent.key[0].startswith("SIP ") and sent.sent_by is not None:
        return flows.at(sent.sent_by, sent.entry.t) or flows.of_peer(sent.sent_by, sent.entry.t)
    return flows.of_branch(sent.key[-1])


def _step(sent: _Heard, arrived: _Heard | None, ends: tuple[str, str], *, lost: bool | None, flow: str | None) -> Step:
    lines = (sent.entry.line,) if arrived in (None, sent) else (sent.entry.line, arrived.entry.line)
    changed = arrived is not None and bool(arrived.text) and not _same(sent, arrived)
    message = Message(
        at_s=sent.entry.t,
        arrived_s=None if arrived is None else max(sent.entry.t, arrived.entry.t),
        from_=ends[0],
        to=ends[1],
        flow=flow,
        kind="sip",
        first=visible(sent.first, most=LONGEST_LINE),
        text=_shown(sent.text),
        arrived_text=_shown(arrived.text) if arrived is not None and changed else "",
        cseq=visible(sent.cseq, most=LONGEST_LINE),
        call_id=visible(sent.call_id, most=LONGEST_LINE),
        lost=lost,
        evidence=lines,
    )
    return Step(message, (ends[0], *sent.key))


def _same(sent: _Heard, arrived: _Heard) -> bool:
    """Return whether a message arrived as it was sent, as far as both are kept."""
    if sent.entry.event.cut or arrived.entry.event.cut:
        length = min(len(sent.text), len(arrived.text))
        return sent.text[:length] == arrived.text[:length]
    return sent.text == arrived.text


def _read(entry: Entry[SipMessage] | Entry[ServerSipMessage], text: str) -> _Heard:
    head = text.lstrip("\r\n").partition("\r\n\r\n")[0]
    headers: dict[str, str] = {}
    for name, value in _HEADER.findall(head):
        key = name.lower()
        headers.setdefault(_NAMES.get(key, key), value)
    first = head.partition("\n")[0].rstrip("\r")
    return _Heard(
        entry,
        text,
        first,
        headers.get("via", ""),
        headers.get("call-id", ""),
        " ".join(headers.get("cseq", "").split()),
    )


def _shown(text: str) -> str:
    return visible(text.replace("\r\n", "\n"), most=LONGEST_TEXT, lines=True)
