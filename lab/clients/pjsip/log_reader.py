"""Reads the requests that the client sends from pjsip's log, the only place where pjsip shows them."""

from __future__ import annotations

import re

from lab.record.events import RequestSent
from lab.sip.claimed_source import claimed_source
from lab.sip.fields import parse_cseq
from lab.sip.message import MalformedMessage, Request, parse_head

_SENT = re.compile(r"TX \d+ bytes Request msg [^\n]*:\r?\n(?P<head>.*?)\r?\n\r?\n", re.DOTALL)  # pjsua_core.c


def request_sent(entry: str) -> RequestSent | None:
    """Return the event if an entry of pjsip's log shows a request that is being sent; else None."""
    if "bytes Request msg" not in entry or (match := _SENT.search(entry)) is None:
        return None
    try:
        message, _ = parse_head(match["head"].replace("\r\n", "\n").replace("\n", "\r\n").encode())
        if not isinstance(message, Request):
            return None
        cseq, _ = parse_cseq(message.first("CSeq") or "")
        call_id = message.first("Call-ID")
        if call_id is None:
            return None
    except MalformedMessage:
        return None  # the log has cut it off
    said = claimed_source(message)
    return RequestSent(method=message.method, call_id=call_id, cseq=cseq, via=said.via, contact=said.contact)
