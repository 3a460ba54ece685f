"""Where a request says it comes from: what a SIP ALG on its way rewrites."""

from __future__ import annotations

from lab.sip.fields import NameAddr, Uri, split
from lab.sip.message import MalformedMessage, Request
from lab.sip.transaction import top_via


def sender(request: Request) -> dict[str, str | None]:
    """The topmost ``via`` sent-by and the first ``contact``, each ``host:port``; None where there is none."""
    return {"via": _via(request), "contact": _contact(request)}


def _via(request: Request) -> str | None:
    try:
        via = top_via(request)
    except MalformedMessage:
        return None
    return via.host if via.port is None else f"{via.host}:{via.port}"


def _contact(request: Request) -> str | None:
    try:
        uri = Uri.parse(NameAddr.parse(split(request.first("Contact") or "", ",")[0]).uri)
    except (MalformedMessage, IndexError):
        return None
    return uri.host if uri.port is None else f"{uri.host}:{uri.port}"
