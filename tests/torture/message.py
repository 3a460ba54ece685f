"""A torture test of SIP, and the parts that many of them share."""

from __future__ import annotations

from dataclasses import dataclass

SDP = (
    "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\n"
    "m=audio 49217 RTP/AVP 0 12\r\nm=video 3227 RTP/AVP 31\r\na=rtpmap:31 LPC\r\n"
)
NOT_ALLOWED = 405
"""The server makes calls and takes none: what is right with an INVITE or a MESSAGE is refused by its method alone."""


@dataclass(frozen=True, kw_only=True)
class Torture:
    """A message.

    Attributes:
        section: of RFC 4475.
        head: start line and headers, lines ending with line feeds.
        body: behind the blank line.
        right: statuses that are right; 200: nothing is wrong with it; 0: no request, so nothing is answered.
        length: whether a Content-Length is to be added.
        ends: whether a stream can be read on behind it.
    """

    section: str
    head: str
    body: bytes = b""
    right: tuple[int, ...]
    length: bool = True
    ends: bool = True

    def data(self) -> bytes:
        """Return the message as bytes."""
        head = self.head.strip("\n").replace("\n", "\r\n")
        if self.length:
            head += f"\r\nl: {len(self.body)}"
        return head.encode("utf-8", "surrogateescape") + b"\r\n\r\n" + self.body


def head_of(start: str, *more: str, method: str = "", lost: tuple[str, ...] = (), **fields: str) -> str:
    """Return a head with the usual headers; ``fields`` replace them, by their names without ``-``."""
    usual = {
        "Via": "SIP/2.0/UDP host.example.com;branch=z9hG4bKkdjuw",
        "Max-Forwards": "70",
        "From": "sip:caller@example.net;tag=3ghsd41",
        "To": "sip:user@example.com",
        "Call-ID": "jfasdlfnm2o2l43r5u0asdfas",
        "CSeq": f"39234321 {method or start.split(' ', maxsplit=1)[0]}",
    }
    changed = {name: fields.get(name.replace("-", ""), value) for name, value in usual.items() if name not in lost}
    return "\n".join([start, *(f"{name}: {value}" for name, value in changed.items()), *more])


CONTACT = "Contact: <sip:caller@host5.example.net>"
WITH_SDP = (CONTACT, "Content-Type: application/sdp")
OPTIONS, INVITE = "OPTIONS sip:user@example.com SIP/2.0", "INVITE sip:user@example.com SIP/2.0"
REGISTER = "REGISTER sip:example.com SIP/2.0"
RESPONSE_FIELDS = (
    "Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923\nCall-ID: unreason.1234ksdfak3j2erwedfsASdf\nCSeq: 35 INVITE\n"
    "From: sip:user@example.com;tag=11141343\nTo: sip:user@example.edu;tag=2229"
)
