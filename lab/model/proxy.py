"""Describes a proxy that ends the client's TCP connections in front of the server: its program and its timeouts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.model.middlebox import Grade
from lab.model.rules import Label, ProxyName, WholeSecondsOrNever, Yaml
from lab.units import Seconds, WholeSeconds


class ProxyMode(str, Enum):
    """The layer at which a proxy works."""

    TCP = "tcp"
    """Nothing: bytes as they come (layer 4), TLS unread."""
    HTTP = "http"
    """HTTP (layer 7): it takes requests, and passes on the upgrade to WebSocket. TLS ends at it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy(Yaml):
    """A reverse proxy or load balancer: it accepts the client's connection and opens one of its own to the server.

    Attributes:
        name: catalog name, or the one the scenario gives.
        software: the program that does it.
        mode: ``tcp`` passes bytes on as they come, so TLS goes through it unread. ``http`` takes HTTP requests and
            passes on the upgrade to WebSocket; TLS ends at it, so behind it ``wss`` is ``ws``.
        proxy_timeout: nginx's ``proxy_timeout``: it closes both connections after so long without a byte on either.
        proxy_read_timeout: nginx's ``proxy_read_timeout``, of HTTP: the same.
        timeout_client: haproxy's ``timeout client``: the same, counted on the client's connection.
        timeout_server: haproxy's ``timeout server``: the same, counted on the server's connection.
        timeout_tunnel: haproxy's ``timeout tunnel``: counted on both, in place of the other two.
        evidence: how well the timeouts are known.
        source: where they come from.
    """

    name: Label
    software: ProxyName
    mode: ProxyMode = ProxyMode.TCP
    proxy_timeout: WholeSeconds = Seconds(600)  # nginx's default: ngx_stream_proxy_module, proxy_timeout
    proxy_read_timeout: WholeSeconds = Seconds(60)  # nginx's default: ngx_http_proxy_module, proxy_read_timeout
    timeout_client: WholeSecondsOrNever = None
    timeout_server: WholeSecondsOrNever = None
    timeout_tunnel: WholeSecondsOrNever = None
    evidence: Grade = Grade.ASSUMED
    source: str = ""


TIMEOUTS = ("proxy_timeout", "proxy_read_timeout", "timeout_client", "timeout_server", "timeout_tunnel")
"""The fields that are settings of one program or another."""
