"""Lists the transports of SIP and the ports of their servers (RFC 3261 §19.1.2; RFC 7118 §5.5: those of HTTP)."""

from __future__ import annotations

from collections.abc import Mapping

PORTS: Mapping[str, int] = {"udp": 5060, "tcp": 5060, "tls": 5061, "ws": 80, "wss": 443}

FRAMED = ("ws", "wss")
"""SIP in WebSocket messages."""
STREAMS = ("tcp", "tls", *FRAMED)
"""Transports with connections."""
SECURE = frozenset(("tls", "wss"))
"""Transports with TLS."""
