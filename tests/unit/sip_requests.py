"""Requests from alice to bob."""

from __future__ import annotations

from lab.sip.message import Request

PEER = ("198.51.100.2", 40000)


def request(
    method: str, *, cseq: int = 1, to: str = "<sip:bob@example.com>", uri: str = "sip:example.com", **more: str
) -> Request:
    """A request from alice; ``more`` adds or replaces headers, with `_` for `-`."""
    headers = {
        "Via": "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport",
        "From": "<sip:alice@example.com>;tag=a",
        "To": to,
        "Call-ID": "c1",
        "CSeq": f"{cseq} {method}",
        "Contact": "<sip:alice@10.0.0.2:5060>",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }
    return Request(method=method, uri=uri, headers=tuple(headers.items()))


def without(message: Request, name: str) -> Request:
    return Request(
        method=message.method, uri=message.uri, headers=tuple(pair for pair in message.headers if pair[0] != name)
    )
