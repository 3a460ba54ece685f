"""Measures middleboxes in a world with the two programs of ``lab probe``: what they would say of such a NAT.

    client —lan— box —access— internet —core— server

The client's program and the responder run in nodes of their own, and know of the middlebox only what a user's would.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from lab.actors.mapping_expiry import MappingExpiry
from lab.backends.base import Command, OpenBackend
from lab.backends.netns import NetnsBackend, bare
from lab.errors import LabFault
from lab.middlebox.ends import SERVER
from lab.middlebox.measure import TOPOLOGY
from lab.model import wire
from lab.model.middlebox import Middlebox
from lab.model.topology import Role, Topology
from lab.nat_probe import findings, responder, stun
from lab.nat_probe.bracket import Bracket
from lab.nat_probe.measure import Limits, ask_translation, measure
from lab.nat_probe.session import ResponderError, ResponderSession
from lab.nat_probe.translation import AskStun
from lab.network.apply import apply
from lab.network.plan import plan
from lab.runner import progress
from lab.runner.cell import guarded

QUESTION_FILE, FINDINGS_FILE = "question.json", "findings.json"
SECOND = "203.0.113.11"
SAYS_EVERY_S = (10.0, 600.0)
"""Of the guest's time: at first, when much happens, and later. A world that says nothing for long is taken for frozen
(`lab.worlds.base`)."""
_SECRET = "a secret of this world"  # noqa: S105  (nobody else is in it)
_COTURN = (
    "turnserver", "-n", "--stun-only", "--listening-ip", SERVER, "--listening-ip", SECOND, "--no-cli", "--no-tls",
    "--no-dtls", "--log-file", "stdout", "--pidfile", "/dev/null", "--userdb", ":memory:",
)  # fmt: skip
_STARTS_WITHIN = 20
"""Tries to reach coturn, each as long as a STUN request takes to be given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsideRequest:
    """Middleboxes to measure.

    Attributes:
        boxes: those of the topology, from the client outwards.
        topology: with a client, a server at ``SERVER``, and as many middleboxes; None: with one.
        longest: seconds a flow is left idle at most.
        second_address: whether the responder has one.
        privileged: whether the responder may see raw segments.
        stun: ask coturn about mapping and filtering, and nothing else.
        interrupt: end the measurement after some seconds, and begin anew with what was found.
    """

    boxes: tuple[Middlebox, ...]
    topology: Topology | None = None
    longest: float
    second_address: bool = True
    privileged: bool = True
    stun: bool = False
    interrupt: float | None = None


def run(folder: Path, open_backend: OpenBackend = bare) -> int:  # noqa: ARG001  (its nodes are bare namespaces)
    """Answer the question in ``folder``; return the exit status."""
    return guarded(_run, folder)


def _run(folder: Path) -> None:
    request = wire.from_json(OutsideRequest, json.loads((folder / QUESTION_FILE).read_text("utf-8")))
    topology = request.topology or TOPOLOGY
    nodes = [node for node in topology.nodes if node.role is Role.MIDDLEBOX]
    boxes = {node.name: box for node, box in zip(nodes, request.boxes, strict=True)}
    network = apply(plan(topology, boxes, further={"server": [IPv4Address(SECOND)]}))
    backend = NetnsBackend(network.namespaces)
    log = folder / "programs.log"
    helper = Command(_COTURN) if request.stun else _respond
    actors = [backend.spawn("server", helper, log), backend.spawn("client", _measure, log)]
    aging = [
        MappingExpiry(
            boxes[node.name], namespace=network.namespaces[node.name], inside=node.inside, outside=node.outside
        )
        for node in nodes
        if not boxes[node.name].ages_in_kernel
    ]
    try:
        if not request.stun:
            actors[0].sock.sendall(json.dumps(wire.to_json(request)).encode() + b"\n")
            if actors[0].sock.recv(1) != b"!":
                raise LabFault("start the responder", detail=log.read_text("utf-8")[-500:])
        actors[1].sock.sendall(json.dumps(str(folder)).encode() + b"\n")
        asyncio.run(_wait(actors[1].ended, aging, folder))
        if status := actors[1].wait():
            raise LabFault(f"measure from outside: exit status {status}", detail=log.read_text("utf-8")[-2000:])
    finally:
        for each in actors:
            each.kill()
        network.close()


async def _wait(ended: int, aging: list[MappingExpiry], folder: Path) -> None:
    """Expire mappings until the client's program has ended, and say now and then that the world goes on."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    begun = loop.time()
    loop.add_reader(ended, over.set)
    for each in aging:
        each.watch()
    while not over.is_set():
        progress.say("phase", cell=str(folder), phase="measuring")
        first, later = SAYS_EVERY_S
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(over.wait(), min(later, max(first, (loop.time() - begun) / 10)))
    loop.remove_reader(ended)
    for each in aging:
        each.close()


def _told(sock: socket.socket) -> Any:
    return json.loads(sock.makefile().readline())


def _respond(sock: socket.socket) -> None:
    """Be the responder."""
    request = wire.from_json(OutsideRequest, _told(sock))
    os.environ[responder.SECRET] = _SECRET
    second = ["--second-address", SECOND] if request.second_address else []
    raw = [] if request.privileged else ["--no-raw"]
    responder.main(["--address", SERVER, *second, *raw], on_ready=lambda: sock.sendall(b"!"))


def _measure(sock: socket.socket) -> None:
    """Be the client's program."""
    folder = Path(_told(sock))
    asyncio.run(_measured(folder))


class _Quiet:
    def answer(self, question: str, fact: Any) -> None:
        """Take an answer."""

    def timer(self, question: str, bracket: Bracket) -> None:
        """Take what is known of a timer now."""


async def _measured(folder: Path) -> None:
    request = wire.from_json(OutsideRequest, json.loads((folder / QUESTION_FILE).read_text("utf-8")))
    if request.stun:
        await ask_translation(await _coturn(), findings.load(folder / FINDINGS_FILE, SERVER), _Quiet())
        return
    if request.interrupt is not None:
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_session(folder, request.longest), request.interrupt)
    await _session(folder, request.longest)


async def _session(folder: Path, longest: float) -> None:
    session = ResponderSession(SERVER, responder.PORT, _SECRET)
    await session.open()
    await measure(session, findings.load(folder / FINDINGS_FILE, SERVER), Limits(longest=longest), _Quiet())


async def _coturn() -> AskStun:
    """Return it as soon as it answers."""
    for _ in range(_STARTS_WITHIN):
        with suppress(ResponderError):
            return await AskStun.open(SERVER, stun.PORT)
    return await AskStun.open(SERVER, stun.PORT)
