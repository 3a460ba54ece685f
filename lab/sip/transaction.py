"""Identifies and times transactions (RFC 3261 §17)."""

from __future__ import annotations

from lab.sip.fields import Via, parse_cseq, split
from lab.sip.message import MalformedMessage, Request, Response

COOKIE = "z9hG4bK"  # RFC 3261 §8.1.1.7
T1 = 0.5  # RFC 3261 §17.1.1.1
T2 = 4.0  # RFC 3261 §17.1.2.2
TIMER_F = 64 * T1  # RFC 3261 §17.1.2.2, and Timer B, §17.1.1.2: a client gives up
TIMER_J = 64 * T1  # RFC 3261 §17.2.2: a server keeps its response for retransmitted requests over UDP

Key = tuple[str, ...]


def retransmissions(method: str) -> tuple[float, ...]:
    """Return when a request over UDP is sent again, seconds after it was first sent.

    Timer A for INVITE (RFC 3261 §17.1.1.2), Timer E for all others (§17.1.2.2).
    """
    times, at, interval = [], T1, T1
    while at < TIMER_F:
        times.append(at)
        interval = 2 * interval if method == "INVITE" else min(2 * interval, T2)
        at += interval
    return tuple(times)


def top_via(message: Request | Response) -> Via:
    """Return the topmost Via.

    Raises:
        MalformedMessage: there is none, or it cannot be read.
    """
    values = split(message.first("Via") or "", ",")
    if not values:
        raise MalformedMessage("no Via")
    return Via.parse(values[0])


def server_key(request: Request) -> Key:
    """Return what a request shares with its retransmissions only (RFC 3261 §17.2.3).

    Raises:
        MalformedMessage: no readable Via.
    """
    via = top_via(request)
    branch = via.get("branch") or ""
    sent_by = (via.host, str(via.port or ""))
    if branch.startswith(COOKIE):
        return (branch, *sent_by, request.method)
    fields = (request.first(name) or "" for name in ("From", "To", "Call-ID", "CSeq"))
    return (branch, *sent_by, request.method, request.uri, *fields)


def client_key(response: Response) -> Key:
    """Return the (branch, method) of the request a response answers (RFC 3261 §17.1.3).

    Raises:
        MalformedMessage: no readable Via or CSeq.
    """
    _, method = parse_cseq(response.first("CSeq") or "")
    return (top_via(response).get("branch") or "", method)
