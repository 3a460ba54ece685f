"""Reads the settings that the user agent gets at its start."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass
from pathlib import Path

from lab.clients.pjsip import MEMORY_FILE
from lab.model.scenario import Account, Transport


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The settings that the user agent gets at its start.

    Attributes:
        server, port: the outbound proxy all requests go to; an IPv4 address.
        transport: to the proxy; listens on it as well.
        account: whether it registers, and whether it subscribes, which it does after that.
        ca: PEM file that must vouch for the server's certificate; None: any certificate will do.
        certificate, key: PEM files of its own certificate, for a server that asks for one; None: it has none.
        seed: decides all that pjsip and Python draw: Call-IDs, tags, branches, the instance id.
        user, peer: user parts of its own address and of the presentity it subscribes to.
        domain: host part of both.
        password: of ``user``, for digest authentication in any realm; None: it has none.
        log: file for pjsip's log, appended to; each line starts with CLOCK_MONOTONIC in seconds, as in events.
        name: what the server is reached by, asked of a name server at its address; None: its address.
        registration: how to register, in whole seconds by the keys of ``lab.model.scenario.Registration``, 0 for never;
            None: as pjsua does by itself, but without jitter.
        state: folder for what mitigations remember beyond the client's life; None: the log's.
    """

    server: str
    port: int
    transport: Transport
    account: Account
    ca: str | None
    seed: int
    user: str
    peer: str
    domain: str
    log: str
    certificate: str | None = None
    key: str | None = None
    password: str | None = None
    state: str | None = None
    name: str | None = None
    registration: dict[str, int] | None = None

    @property
    def proxy(self) -> str:
        """The proxy's URI, for a Route header."""
        return f"sip:{self.name or self.server}:{self.port};transport={self.transport.value};lr"

    @property
    def memory(self) -> Path:
        """The file of what mitigations remember."""
        return Path(self.state or Path(self.log).parent) / MEMORY_FILE

    def source_address(self) -> str:
        """Return the address from which packets to the server leave now; empty if there is no way. Sends nothing."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((self.server, 9))  # any port
            except OSError:
                return ""
            return str(sock.getsockname()[0])

    def instance_id(self) -> str:
        """Return a ``+sip.instance`` (RFC 5626 §4.1); pjsip's own hash of the host name is the same in every node."""
        digits = f"{random.Random(self.seed).getrandbits(128):032x}"  # noqa: S311  (reproducible, not secret)
        return f"<urn:uuid:{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}>"
