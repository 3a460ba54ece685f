"""A client whose sockets the system takes."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from lab.errors import HostNotCapable
from lab.faults.client_kill import ClientKill
from lab.faults.sockets_reclaimed import SocketsReclaimed
from lab.model.when import When
from lab.network import loopback, netns, reclaimed_sockets
from lab.network.reclaimed_sockets import Reclaimed
from lab.units import Seconds
from tests.fault_cases import FaultCases, NoEffect
from tests.records import END, Line, begins, cell, flow_set_up, judged, probe, sentinel, with_fault

RECLAIMS = SocketsReclaimed(at=When(offset=50.0))


def takes(*, tcp: int = 1, udp: int = 0, left: int = 0) -> list[Line]:
    """The fault, over at once."""
    return begins(RECLAIMS, SocketsReclaimed.Proof(tcp=tcp, udp=udp, left=left), until=50.0)


def _takes_nothing(*_: object) -> int:
    return 0


CASES = FaultCases(
    infeasible=[
        (
            "the client is dead from 40 s on",
            replace(cell(), faults=(ClientKill(at=When(offset=40.0)), RECLAIMS)),
            replace(cell(), faults=(ClientKill(at=When(offset=40.0), again=Seconds(1)), RECLAIMS)),
        ),
    ],
    proved=[(RECLAIMS, takes(), "sockets-reclaimed")],
    unproved=[
        (RECLAIMS, takes(tcp=0), "the client had no socket"),
        (RECLAIMS, takes(left=1), "1 of the client's sockets is as before"),
        (RECLAIMS, takes(left=2), "2 of the client's sockets are as before"),
    ],
    costs={
        "reclaimed": ("sockets-reclaimed: { at: 2 s }", "sockets-reclaimed"),
        "reclaimed-udp": ("sockets-reclaimed: { at: 2 s }", "sockets-reclaimed"),
    },
    no_effect={
        "sockets-reclaimed": NoEffect("sockets-reclaimed: { at: 5 s }", "reclaim", "of the client's sockets"),
    },
    acts={"reclaim": (reclaimed_sockets, "_destroy", _takes_nothing)},
    written="sockets-reclaimed: { at: 36 s }",
    liveness={"sockets-reclaimed.at": ("at: 36 s }", "at: 37 s }")},
)


def cause(*lines: Line) -> str:
    """What a probe at 100 s was lost for."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, *probe(1, 100, answered=False), END]
    found = judged(with_fault(RECLAIMS), *story).cause
    return "" if found is None else found.kind.name


def test_the_sockets_of_the_other_transport() -> None:
    """A probe over TLS was not lost for a UDP socket."""
    assert cause(*takes()) == "sockets-reclaimed"
    assert cause(*takes(tcp=0, udp=1)) == "unknown"


def errors_of(*sockets: socket.socket) -> list[str]:
    """The error that the next call on each gets; empty: none."""
    found = []
    for each in sockets:
        each.setblocking(False)
        try:
            each.recv(1)
        except BlockingIOError:
            found.append("")
        except OSError as error:
            found.append(errno.errorcode[error.errno or 0])
    return found


@pytest.fixture
def node() -> Iterator[int]:
    """A node with a loopback."""
    namespace = netns.new()
    loopback.take_up(namespace)
    yield namespace
    os.close(namespace)


def test_what_the_kernel_does(node: int) -> None:
    """Whoever has a socket is told; the other end of a connection is reset; the spared port is left alone."""
    with ExitStack() as stack:

        def new(kind: socket.SocketKind) -> socket.socket:
            return stack.enter_context(socket.socket(socket.AF_INET, kind))

        with netns.entered(node):
            listener, spared = new(socket.SOCK_STREAM), new(socket.SOCK_STREAM)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            spared.bind(("127.0.0.1", 7))
            spared.listen()
            client, talks, datagrams = new(socket.SOCK_STREAM), new(socket.SOCK_STREAM), new(socket.SOCK_DGRAM)
            client.connect(listener.getsockname())
            talks.connect(spared.getsockname())
            datagrams.bind(("127.0.0.1", 0))
        accepted = stack.enter_context(listener.accept()[0])
        taken = reclaimed_sockets.reclaim(node, spared=7)
        assert (taken.udp, taken.left) == (1, 0)
        assert taken.tcp in (2, 3)  # the listener, and of the two ends of the connection one may have reset the other
        assert set(errors_of(client, accepted)) <= {"ECONNABORTED", "ECONNRESET"}
        assert errors_of(datagrams, talks) == ["ECONNABORTED", ""]
        assert reclaimed_sockets.reclaim(node, spared=7) == Reclaimed(tcp=0, udp=0, left=0)


def test_a_port_that_a_program_chose(node: int) -> None:
    """Linux leaves a UDP socket its port then."""
    with netns.entered(node):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind(("127.0.0.1", 5060))
        assert reclaimed_sockets.reclaim(node, spared=7) == Reclaimed(tcp=0, udp=1, left=1)


def test_a_kernel_that_cannot(node: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine is at fault, and the way out is named."""

    def refuse(body: bytes) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    with netns.entered(node):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.bind(("127.0.0.1", 0))
        monkeypatch.setattr(reclaimed_sockets, "_raise_for", refuse)
        with pytest.raises(HostNotCapable, match="CONFIG_INET_DIAG_DESTROY"):
            reclaimed_sockets.reclaim(node, spared=7)
