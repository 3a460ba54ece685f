"""Lists the ports of SIP servers by transport (RFC 3261 §19.1.2)."""

from __future__ import annotations

from collections.abc import Mapping

PORTS: Mapping[str, int] = {"udp": 5060, "tcp": 5060, "tls": 5061}
