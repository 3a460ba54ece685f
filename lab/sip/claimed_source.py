"""Reads the addresses that a request claims as its source, which a SIP ALG rewrites."""

from __future__ import annotations

from typing import NamedTuple

from lab.sip.fields import NameAddr, Uri, split
from lab.sip.message import MalformedMessage, Request
from lab.sip.transaction import top_via


class ClaimedSource(NamedTuple):
    """The claimed source of a request, each ``host:port`` as written; None where there is none.

    Attributes:
        via: the topmost Via's sent-by.
        contact: of the first Contact.
    """

    via: str | None
    contact: str | None


def claimed_source(request: Request) -> ClaimedSource:
    """Return where a request says it comes from."""
    return ClaimedSource(_via(request), _contact(request))


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
