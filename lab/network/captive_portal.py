"""Puts a captive portal on a link: it answers every TCP connection in the place of its target, and loses all else.

The kernel of the node at the link's far end is the portal: new TCP connections are redirected to a socket of that node
that nobody reads, so the handshake of TCP succeeds, what is sent is acknowledged, and nothing is answered. With a
certificate it takes part in TLS handshakes as well. Whatever else would be forwarded is lost, connections that there
were before among them.

Effect, for the link ``lan``::

    table ip fault-0 {
        chain catch {
            type nat hook prerouting priority dstnat; policy accept;
            iifname "lan" meta l4proto tcp redirect to :40000
        }
        chain losses {
            type filter hook forward priority filter - 10; policy accept;
            iifname "lan" counter drop
            oifname "lan" counter drop
        }
    }

A redirected connection stays redirected when the rules are gone, as its conntrack entry says so.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from lab.network import netns
from lab.network.apply import nft
from lab.network.drop_rules import LOSE, DropRules, loaded
from lab.network.socket_checks import listening

_WAITING = 1024
"""How many connections may wait for somebody to accept them; the kernel answers no more."""
_ANSWERS_WITHIN_S = 1.0  # within one node


@dataclass(frozen=True, slots=True)
class Portal:
    """A portal in place; it listens until the end of the cell, so that what it took stays with it.

    Attributes:
        rules: what loses packets.
        redirects: whether the kernel shows the rule that catches connections, and a socket at its port.
        met: what who connects meets in a TLS handshake; empty: it takes no part in one.
    """

    rules: DropRules
    redirects: bool
    met: str
    _keeps: tuple[object, ...]


async def open_portal(
    name: str, namespace: int, link: str, address: IPv4Address, *, certificate: tuple[Path, Path] | None, ca: Path
) -> Portal:
    """Put a portal on a link.

    Args:
        name: of the rules; unique among those in place at once.
        namespace: of the node at the far end.
        link: its interface there.
        address: its own there.
        certificate: what it shows in TLS handshakes, with the key; None: it takes no part in them.
        ca: an authority that a client trusts.
    """
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.bind(("0.0.0.0", 0))  # noqa: S104  (of that node's network)
    sock.listen(_WAITING)
    port = sock.getsockname()[1]
    catch = f'iifname "{link}" meta l4proto tcp redirect to :{port};'
    chains = (
        f"chain catch {{ type nat hook prerouting priority dstnat; {catch} }}\n"
        "chain losses { type filter hook forward priority filter - 10; "
        f'iifname "{link}" {LOSE}; oifname "{link}" {LOSE}; }}\n'
    )
    rules = loaded(f"ip {name}", namespace, chains)
    with netns.entered(namespace):
        shown = nft(f"list table ip {name}")
    redirects = f"redirect to :{port}" in shown and port in listening(namespace)
    if certificate is None:
        return Portal(rules, redirects, "", (sock,))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*certificate)
    sock.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
    serving = await asyncio.get_running_loop().create_server(asyncio.Protocol, sock=sock, ssl=server)
    return Portal(rules, redirects, await _met(namespace, str(address), port, ca), (serving,))


async def _met(namespace: int, address: str, port: int, ca: Path) -> str:
    """Return the result of a TLS handshake with the portal, from its own node, so that no link notices."""
    with netns.entered(namespace):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)  # noqa: FBT003  (the stdlib's signature)
    loop, trusting = asyncio.get_running_loop(), ssl.create_default_context(cafile=ca)
    try:
        await asyncio.wait_for(loop.sock_connect(sock, (address, port)), _ANSWERS_WITHIN_S)
        made = loop.create_connection(asyncio.Protocol, sock=sock, ssl=trusting, server_hostname=address)
        transport, _ = await asyncio.wait_for(made, _ANSWERS_WITHIN_S)
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except (OSError, asyncio.TimeoutError) as error:
        return str(error) or "no answer"
    finally:
        sock.close()
    transport.abort()
    return "valid"
