"""Handles what a silent call needs beyond a dialog: an offer without media, and answers to session refreshes."""

from __future__ import annotations

from lab.sip.fields import parameters, split
from lab.sip.message import Headers, Request

SDP = "application/sdp"
RING = "X-Ring"
"""Header of an INVITE, the lab's own: for how many seconds the client is to ring before it accepts."""
TIMER = "timer"
"""The option tag of session timers (RFC 4028 §3)."""


def silent_sdp(address: str) -> bytes:
    """Return a description of one audio stream on which neither side sends (RFC 3264 §5.1, RFC 4566).

    Args:
        address: IPv4 address. The port is like any other's, though nothing is sent: Linux's SIP ALG drops a message
            whose media has one below 1024 (``process_sdp`` of ``nf_conntrack_sip.c``), as the 9 of RFC 8840 is.
    """
    lines = (
        "v=0", f"o=- 1 1 IN IP4 {address}", "s=-", f"c=IN IP4 {address}", "t=0 0",
        "m=audio 40000 RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=inactive",
    )  # fmt: skip
    return "".join(f"{line}\r\n" for line in lines).encode()


def session_timer(refresh: Request) -> Headers:
    """Return the headers of a 2xx that grant the session timer a request asks for (RFC 4028 §9); none if none is."""
    wanted = refresh.first("Session-Expires")
    if wanted is None:
        return ()
    interval, *_ = split(wanted, ";")
    refresher = dict(parameters(wanted.partition(";")[2])).get("refresher") or "uac"
    supported = any(tag.lower() == TIMER for line in refresh.all("Supported") for tag in split(line, ","))
    required = (("Require", TIMER),) if refresher == "uac" and supported else ()
    return (*required, ("Session-Expires", f"{interval};refresher={refresher}"))
