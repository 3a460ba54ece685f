"""What the server does to its client: ends, stands still, falls silent, is slow, moves.

Except for a freeze, which is the kernel's doing, the server is told to, and says so when it has done it.
"""

from __future__ import annotations

from typing import Any

from lab.certificates import NAME
from lab.model.fault import (
    DnsChange,
    DnsFailure,
    ExpiredCertificate,
    OldAddress,
    RevokedClientCertificate,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.network.cut import silence
from lab.network.sockets import certificate_met, client_certificate_met, listening, name_met
from lab.record.events import Obeyed
from lab.runner.faults.effect import Effect, Proof
from lab.runner.stage import Stage
from lab.sip.ports import PORTS
from lab.units import Seconds

SAID_WITHIN_S = 5.0
"""The server obeys at once; this much later it is broken."""


class ServerCloseProof(Proof, frozen=True, kw_only=True):
    """Shows which flow the server says it has closed; None: there was none."""

    flow: str | None


class ServerRestartProof(Proof, frozen=True, kw_only=True):
    """Shows that the server was gone.

    Attributes:
        listening: TCP ports on which the kernel shows anybody listening in the server's node meanwhile.
        keeps_state: whether it remembers its subscriptions.
    """

    listening: tuple[int, ...]
    keeps_state: bool


class ServerFreezeProof(Proof, frozen=True, kw_only=True):
    """Shows whether the kernel says that the server's process is stopped."""

    stopped: bool


class AnswersProof(Proof, frozen=True, kw_only=True):
    """Shows how the server says that it answers; the judge looks whether it did.

    Attributes:
        answers: ``mute`` or ``late``.
        by: seconds, of ``late``.
    """

    answers: str
    by: float | None


class ServerMuteProof(AnswersProof, frozen=True, kw_only=True):
    """Shows that the server says it does not answer."""


class ServerSlowProof(AnswersProof, frozen=True, kw_only=True):
    """Shows by how much the server says its answers are late."""


class ExpiredCertificateProof(Proof, frozen=True, kw_only=True):
    """Shows which certificate a stranger meets who knows the run's authority and connects from the server's node."""

    met: str


class DnsFailureProof(Proof, frozen=True, kw_only=True):
    """Shows what a stranger in the server's node is told who asks for the server's address."""

    met: str


class DnsChangeProof(Proof, frozen=True, kw_only=True):
    """Shows that the server's name means another address.

    Attributes:
        was: the address it meant before.
        met: what a stranger in the server's node is told now.
        old: what becomes of the old address: ``serves`` or ``silent``.
        rules: that silence the old address.
    """

    was: str
    met: str
    old: str
    rules: int


class RevokedClientCertificateProof(Proof, frozen=True, kw_only=True):
    """Shows what becomes of a stranger who shows the client's certificate, connecting from the server's node."""

    met: str


async def close(stage: Stage) -> Effect:
    """Have the server close the client's flow."""
    said = await _obeyed(stage, "close")
    return Effect(proof=ServerCloseProof(flow=said.flow))


async def restart(fault: ServerRestart, stage: Stage) -> Effect:
    """Have the server go down, and come up again."""
    await _obeyed(stage, "go-down", keeps_state=fault.keeps_state)
    left = sorted(listening(stage.network.namespaces[stage.server_node]))

    def come_up() -> None:
        if not left:  # else it never went down, and cannot come up: the judge looks
            stage.server.tell("come-up")

    proof = ServerRestartProof(listening=tuple(left), keeps_state=fault.keeps_state)
    return Effect(proof=proof, lasts=float(fault.down), end=come_up)


def freeze(fault: ServerFreeze, stage: Stage) -> Effect:
    """Stop the server's process where it stands."""
    proof = ServerFreezeProof(stopped=stage.server.freeze())
    return Effect(proof=proof, lasts=float(fault.lasts), end=stage.server.thaw)


async def mute(fault: ServerMute, stage: Stage) -> Effect:
    """Have the server answer nothing."""
    said = await _obeyed(stage, "answer", mode="mute", by=None)
    return _answers(stage, ServerMuteProof(answers=said.mode, by=said.by), _seconds(fault.lasts))


async def slow(fault: ServerSlow, stage: Stage) -> Effect:
    """Have the server answer late."""
    said = await _obeyed(stage, "answer", mode="late", by=float(fault.by))
    return _answers(stage, ServerSlowProof(answers=said.mode, by=said.by), _seconds(fault.lasts))


async def expired_certificate(fault: ExpiredCertificate, stage: Stage) -> Effect:
    """Have the server show a certificate that has expired."""
    await _obeyed(stage, "certificate", expired=True)
    space = stage.network.namespaces[stage.server_node]
    met = certificate_met(space, stage.address_of_server, PORTS["tls"], stage.certificates / "ca.pem")

    def renew() -> None:
        stage.server.tell("certificate", expired=False)

    return Effect(proof=ExpiredCertificateProof(met=met), lasts=_seconds(fault.lasts), end=renew)


async def dns_failure(fault: DnsFailure, stage: Stage) -> Effect:
    """Have the name server answer with an error, or not at all."""
    await _obeyed(stage, "names", mode=fault.how.value)
    met = await name_met(stage.network.namespaces[stage.server_node], stage.address_of_server, NAME)

    def answer() -> None:
        stage.server.tell("names", mode="true")

    return Effect(proof=DnsFailureProof(met=met), lasts=_seconds(fault.lasts), end=answer)


async def dns_change(number: int, fault: DnsChange, stage: Stage) -> Effect:
    """Have the server's name mean another address; the old one may fall silent."""
    was = (await _obeyed(stage, "move-name", address=fault.address)).was
    met = await name_met(stage.network.namespaces[stage.server_node], stage.address_of_server, NAME)
    old = fault.old.value
    if fault.old is OldAddress.SERVES:
        return Effect(proof=DnsChangeProof(was=was, met=met, old=old, rules=0), lasts=None)
    link = stage.cell.topology.server_link()
    (far,) = (node for node, _ in link.ends if node != stage.server_node)
    ends = stage.network.namespaces[stage.server_node], stage.network.namespaces[far]
    losses = silence(link.name, *ends, address=was, ports=sorted({*PORTS.values()}), name=f"fault-{number}")
    return Effect(proof=DnsChangeProof(was=was, met=met, old=old, rules=losses.rules), lasts=None, end=losses.end)


async def revoked_client_certificate(fault: RevokedClientCertificate, stage: Stage) -> Effect:
    """Have the server refuse the client's certificate."""
    await _obeyed(stage, "revocation", listed=True)
    space, folder = stage.network.namespaces[stage.server_node], stage.certificates
    own = (folder / "client.pem", folder / "client.key")
    met = client_certificate_met(space, stage.address_of_server, PORTS["tls"], folder / "ca.pem", *own)

    def reinstate() -> None:
        stage.server.tell("revocation", listed=False)

    return Effect(proof=RevokedClientCertificateProof(met=met), lasts=_seconds(fault.lasts), end=reinstate)


def _answers(stage: Stage, proof: AnswersProof, lasts: float | None) -> Effect:
    def at_once() -> None:
        stage.server.tell("answer", mode="at-once", by=None)

    return Effect(proof=proof, lasts=lasts, end=at_once)


def _seconds(lasts: Seconds | None) -> float | None:
    return None if lasts is None else float(lasts)


async def _obeyed(stage: Stage, do: str, **fields: Any) -> Obeyed:
    obeyed = stage.expectations.next(Obeyed, do=do)
    stage.server.tell(do, **fields)
    return (await stage.expectations.within(SAID_WITHIN_S, obeyed, f"the server to obey `{do}`")).event
