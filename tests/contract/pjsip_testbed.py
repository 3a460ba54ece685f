"""Actors forked from a test, and the conversations tests have with them."""

from __future__ import annotations

import fcntl
import json
import os
import select
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import certificates
from lab.actors.channel import Lines
from lab.backends.netns import Process
from lab.clients.pjsip import client
from lab.mitigations.catalog import to_command
from lab.network import netns
from lab.servers.scripted import actor as sip_server

ADDRESS = "127.0.0.1"
PATIENCE_S = 10.0
"""How long a test waits for something that takes milliseconds."""


class Actor:
    """An actor forked from the test, and what it has said."""

    def __init__(self, main: Callable[[socket.socket], None], log: Path, namespace: int | None = None) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            _child(main, ours, theirs, log, namespace)
        theirs.close()
        self.log = log
        self.process = Process("loopback", pid, ours)
        self.events: list[dict[str, Any]] = []
        self._lines = Lines()
        self._next = 0

    def tell(self, do: str, **fields: Any) -> None:
        self.process.sock.sendall(json.dumps({"do": do, **fields}).encode() + b"\n")

    def expect(self, ev: str, *, within: float = PATIENCE_S, **fields: Any) -> dict[str, Any]:
        """The next event of that kind with these fields; events before it are passed over."""
        deadline = time.monotonic() + within
        wanted = {"ev": ev, **fields}
        while True:
            while self._next < len(self.events):
                event = self.events[self._next]
                self._next += 1
                if wanted.items() <= event.items():
                    return event
            if not self._read(deadline):
                raise AssertionError(f"no {wanted} within {within} s; said {self.events}; log: {self.log.read_text()}")

    def says_nothing(self, *, for_s: float) -> None:
        """Fail if it says something that ``expect`` has not been given, or within this time."""
        self._read(time.monotonic() + for_s)
        assert self.events[self._next :] == []

    def end(self) -> int:
        """Take what it says until it has ended; its exit status."""
        deadline = time.monotonic() + PATIENCE_S
        while self._read(deadline):
            pass
        status = self.process.wait(within=max(0.0, deadline - time.monotonic()))
        assert status is not None, f"still running; said {self.events}"
        return status

    def _read(self, deadline: float) -> bool:
        """Wait for more; False at the end of the stream and at the deadline."""
        readable, _, _ = select.select([self.process.sock], [], [], max(0.0, deadline - time.monotonic()))
        data = self.process.sock.recv(65536) if readable else b""
        self.events += self._lines.feed(data)
        return bool(data)


def _child(
    main: Callable[[socket.socket], None], ours: socket.socket, theirs: socket.socket, log: Path, namespace: int | None
) -> None:
    status = 1
    try:
        if namespace is not None:
            netns.enter(namespace)
        os.setsid()
        ours.close()
        written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(written, 1)
        os.dup2(written, 2)
        sys.stdout = sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
        main(theirs)
        status = 0
    except BaseException:  # noqa: BLE001  (the child's last frame)
        traceback.print_exc()
    finally:
        os._exit(status)


class ActorTestbed:
    """Starts actors and ends them with the test."""

    def __init__(self, folder: Path, certificate: certificates.Certificates) -> None:
        self.folder = folder
        self.certificate = certificate
        self.actors: list[Actor] = []
        self.namespace: int | None = None

    def server(self, **ports: int) -> Actor:
        return self.server_that(ports)

    def server_that(self, ports: dict[str, int], **settings: Any) -> Actor:
        """A server with other settings than the usual ones."""
        usual = {
            "subscription_expires": 600.0,
            "registration_expires": 300.0,
            "notify_route": "flow",
            "answers_crlf": True,
            "seed": 1,
        }
        actor = self._actor(sip_server.main)
        actor.tell(
            "start",
            address=ADDRESS,
            ports=ports,
            certificate=str(self.certificate.certificate),
            key=str(self.certificate.key),
            **(usual | settings),
        )
        return actor

    def client(
        self,
        port: int,
        *mitigations: Any,
        server: str = ADDRESS,
        transport: str = "tls",
        account: str = "subscribe",
        seed: int = 7,
        ca: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
        password: str | None = None,
        registration: dict[str, int] | None = None,
        main: Callable[[socket.socket], None] = client.main,
    ) -> Actor:
        actor = self._actor(main)
        actor.tell(
            "start",
            server=server,
            port=port,
            transport=transport,
            account=account,
            ca=str(ca or self.certificate.ca),
            certificate=certificate and str(certificate),
            key=key and str(key),
            seed=seed,
            user="alice",
            password=password,
            peer="bob",
            domain=ADDRESS,
            log=str(actor.log.with_suffix(".pjsip.log")),
            mitigations=[to_command(mitigation) for mitigation in mitigations],
            registration=registration,
        )
        return actor

    def _actor(self, main: Callable[[socket.socket], None]) -> Actor:
        actor = Actor(main, self.folder / f"actor{len(self.actors)}.log", self.namespace)
        self.actors.append(actor)
        return actor


def start(
    testbed: ActorTestbed, *mitigations: Any, transport: str = "tls", account: str = "subscribe"
) -> tuple[Actor, Actor]:
    """A server and a client that has fallen silent."""
    server = testbed.server(**{transport: 0})
    port = server.expect("server-ready")["ports"][transport]
    alice = testbed.client(port, *mitigations, transport=transport, account=account)
    alice.expect("subscribed")
    return server, alice


def times(actor: Actor, ev: str, **fields: Any) -> list[float]:
    """When it said something, of what it has said until now."""
    wanted = {"ev": ev, **fields}
    return [event["at"] for event in actor.events if wanted.items() <= event.items()]


def pjsip_log(actor: Actor) -> str:
    return actor.log.with_suffix(".pjsip.log").read_text()


def set_loopback(namespace: int, address: str) -> None:
    """Take the loopback interface up with an address; without one (0.0.0.0) there are no routes."""
    siocsifaddr, siocsifflags, iff_up = 0x8916, 0x8914, 1  # <linux/sockios.h>, <linux/if.h>
    with netns.entered(namespace), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, siocsifaddr, struct.pack("=16sHH4s8x", b"lo", socket.AF_INET, 0, socket.inet_aton(address)))
        fcntl.ioctl(sock, siocsifflags, struct.pack("=16sh14x", b"lo", iff_up))
