"""Reads the messages that the client sends and receives from pjsip's log, the only place where pjsip shows them all."""

from __future__ import annotations

import re

from lab.record.events import MessageText, MessageWay, RequestSent, SipMessage
from lab.sip.claimed_source import claimed_source
from lab.sip.fields import parse_cseq
from lab.sip.message import MalformedMessage, Request, parse_head

_MARK = " bytes Re"
"""Of an entry about a message, ``TX 636 bytes Request msg …``; looked for first, as most entries are others."""
_SHOWN = re.compile(
    r"(?P<way>[TR]X) \d+ bytes (?:Request|Response) msg [^\n]*:\r?\n(?P<text>.*)", re.DOTALL
)  # pjsua_core.c
_END = "\n--end msg--"
_HEAD_END = re.compile(r"\r?\n\r?\n")


def message(entry: str) -> SipMessage | None:
    """Return the message that an entry of pjsip's log shows; None if it shows none."""
    if _MARK not in entry or (match := _SHOWN.search(entry)) is None:
        return None
    text, end, _ = match["text"].rpartition(_END)
    way: MessageWay = "sent" if match["way"] == "TX" else "received"
    return SipMessage(way=way, text=MessageText(text if end else match["text"]), cut=not end)  # the log has cut it off


def request_sent(shown: SipMessage) -> RequestSent | None:
    """Return the event of a request that is being sent; None if it is none, or its headers are not whole."""
    head, *rest = _HEAD_END.split(shown.text, maxsplit=1)
    if shown.way != "sent" or not rest:
        return None
    try:
        request, _ = parse_head(head.replace("\r\n", "\n").replace("\n", "\r\n").encode())
        if not isinstance(request, Request):
            return None
        cseq, _ = parse_cseq(request.first("CSeq") or "")
        call_id = request.first("Call-ID")
        if call_id is None:
            return None
    except MalformedMessage:
        return None
    said = claimed_source(request)
    return RequestSent(method=request.method, call_id=call_id, cseq=cseq, via=said.via, contact=said.contact)
