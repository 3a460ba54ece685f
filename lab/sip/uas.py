"""Checks requests as every user agent server must, before and after the method matters (RFC 3261 §8.2)."""

from __future__ import annotations

import re

from lab.sip.fields import NameAddr, Via, parse_cseq, split
from lab.sip.message import VERSION, Headers, MalformedMessage, Request, Response

REASONS = {
    200: "OK", 400: "Bad Request", 401: "Unauthorized", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 416: "Unsupported URI Scheme", 420: "Bad Extension",
    423: "Interval Too Brief",
    481: "Call/Transaction Does Not Exist", 489: "Bad Event", 500: "Server Internal Error", 501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported", 513: "Message Too Large",
}  # fmt: skip
"""RFC 3261 §21, RFC 6665 §8.3.2 (489)."""

ALLOWED = ("OPTIONS", "REGISTER", "SUBSCRIBE")
ALLOWED_IN_CALL = ("ACK", "BYE", "INVITE", "OPTIONS", "UPDATE")
_RECOGNISED = frozenset(  # RFC 3261, 3262, 3311, 3428, 3515, 3903, 6086, 6665: known to us, not for us
    ("ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "UPDATE", *ALLOWED)
)
_OF_SOMETHING = ("BYE", "CANCEL")
"""Requests that are about a dialog or transaction: 481 where there is none (RFC 3261 §15.1.2, §9.2)."""
_MOST_FORWARDS = 255  # RFC 3261 §20.22
_ONCE = ("From", "To", "Call-ID", "CSeq")  # RFC 3261 §8.1.1; Max-Forwards is missing in RFC 2543 requests
_NUMBER = re.compile(r"\d{1,10}", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:", re.ASCII)

Address = tuple[str, int]


class RequestRefused(Exception):
    """A request gets this answer and nothing else happens."""

    def __init__(self, code: int, *headers: tuple[str, str]) -> None:
        self.code = code
        self.headers: Headers = headers
        super().__init__(code)


def check(request: Request, *, methods: tuple[str, ...] = ALLOWED, extensions: frozenset[str] = frozenset()) -> None:
    """Inspect a request as RFC 3261 §8.2.1 to §8.2.3 orders, before its method is acted upon.

    Args:
        request: what is inspected.
        methods: those that may follow here.
        extensions: option tags that the peer may require.

    Raises:
        MalformedMessage: a mandatory field is missing, there twice or unreadable.
        Refused: with 405, 416, 420, 481, 501 or 505.
    """
    if request.version != VERSION:
        raise RequestRefused(505)
    _check_fields(request)
    if request.method not in methods:
        within_dialog = NameAddr.parse(request.first("To") or "").tag is not None  # which is not there: §12.2.2
        if request.method in _OF_SOMETHING or (within_dialog and request.method in _RECOGNISED):
            raise RequestRefused(481)
        raise RequestRefused(405 if request.method in _RECOGNISED else 501, ("Allow", ", ".join(methods)))
    if not request.uri.lower().startswith(("sip:", "sips:")):
        raise RequestRefused(416)
    required = [tag for line in request.all("Require") for tag in split(line, ",")]
    unsupported = [tag for tag in required if tag.lower() not in extensions]
    if unsupported:
        raise RequestRefused(420, ("Unsupported", ", ".join(unsupported)))


def _check_fields(request: Request) -> None:
    for name in _ONCE:
        if len(request.all(name)) != 1:
            raise MalformedMessage(f"{name} is there {len(request.all(name))} times", request=request)
    for name in ("From", "To"):
        NameAddr.parse(request.first(name) or "")
    for line in request.all("Via"):
        for value in split(line, ","):
            Via.parse(value)
    _, method = parse_cseq(request.first("CSeq") or "")
    if method != request.method:
        raise MalformedMessage("the method in CSeq is another", request=request)
    forwards = request.first("Max-Forwards")
    if forwards is not None and not (_NUMBER.fullmatch(forwards) and int(forwards) <= _MOST_FORWARDS):
        raise MalformedMessage("Max-Forwards is not a number up to 255", request=request)
    if " " in request.uri or "<" in request.uri or not _SCHEME.match(request.uri):
        raise MalformedMessage("bad Request-URI", request=request)


def respond(
    request: Request, code: int, *headers: tuple[str, str], peer: Address, tag: str, body: bytes = b""
) -> Response:
    """Build a response (RFC 3261 §8.2.6), also to a request that could only be read in part.

    Args:
        request: what is answered.
        code: status.
        headers: further headers.
        peer: where the request came from.
        tag: To tag, used when the request has none.
        body: body; its Content-Type is among ``headers``.
    """
    copied: list[tuple[str, str]] = []
    vias = [value for line in request.all("Via") for value in split(line, ",")]
    for index, value in enumerate(vias):
        copied.append(("Via", _stamped(value, peer) if index == 0 else value))
    copied += [("From", value) for value in request.all("From")[:1]]
    copied += [("To", _tagged(value, tag)) for value in request.all("To")[:1]]
    copied += [(name, value) for name in ("Call-ID", "CSeq") for value in request.all(name)[:1]]
    return Response(code=code, reason=REASONS.get(code, "Refused"), headers=(*copied, *headers), body=body)


def _stamped(via: str, peer: Address) -> str:
    try:
        return str(Via.parse(via).received_from(peer))
    except MalformedMessage:  # answered all the same: the peer must recognise its own Via
        return via


def _tagged(to: str, tag: str) -> str:
    try:
        address = NameAddr.parse(to)
    except MalformedMessage:
        return to
    return to if address.tag else str(address.with_tag(tag))
