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
from lab.runner.faults.effect import Effect
from lab.runner.stage import PORTS, Stage

SAID_WITHIN_S = 5.0
"""The server obeys at once; this much later it is broken."""


async def close(stage: Stage) -> Effect:
    """Proof: the flow the server says it has closed."""
    said = await _obeyed(stage, "close")
    return Effect(proof={"flow": said["flow"]})


async def restart(fault: ServerRestart, stage: Stage) -> Effect:
    """Proof: the TCP ports on which the kernel shows anybody listening in the server's node meanwhile."""
    await _obeyed(stage, "go-down", keeps_state=fault.keeps_state)
    left = sorted(listening(stage.network.namespaces[stage.server_node]))

    def come_up() -> dict[str, Any]:
        if not left:  # else it never went down, and cannot come up: the judge looks
            stage.server.tell("come-up")
        return {}

    return Effect(proof={"listening": left, "keeps_state": fault.keeps_state}, lasts=float(fault.down), end=come_up)


def freeze(fault: ServerFreeze, stage: Stage) -> Effect:
    """Proof: whether the kernel says that the process is stopped."""
    stopped = stage.server.freeze()

    def thaw() -> dict[str, Any]:
        stage.server.thaw()
        return {}

    return Effect(proof={"stopped": stopped}, lasts=float(fault.lasts), end=thaw)


async def mute(fault: ServerMute, stage: Stage) -> Effect:
    """Proof: what the server says of its answers; the judge looks whether any was sent."""
    return await _answers(stage, "mute", None, None if fault.lasts is None else float(fault.lasts))


async def slow(fault: ServerSlow, stage: Stage) -> Effect:
    """Proof: by how much the server says its answers are late; the judge looks whether any was earlier."""
    return await _answers(stage, "late", float(fault.by), None if fault.lasts is None else float(fault.lasts))


async def expired_certificate(fault: ExpiredCertificate, stage: Stage) -> Effect:
    """Proof: which certificate a stranger meets who knows the run's authority and connects from the server's node."""
    await _obeyed(stage, "certificate", expired=True)
    space = stage.network.namespaces[stage.server_node]
    met = certificate_met(space, stage.address_of_server, PORTS["tls"], stage.certificates / "ca.pem")

    def renew() -> dict[str, Any]:
        stage.server.tell("certificate", expired=False)
        return {}

    return Effect(proof={"met": met}, lasts=None if fault.lasts is None else float(fault.lasts), end=renew)


async def dns_failure(fault: DnsFailure, stage: Stage) -> Effect:
    """Proof: what a stranger in the server's node is told who asks for the server's address."""
    await _obeyed(stage, "names", mode=fault.how.value)
    met = await name_met(stage.network.namespaces[stage.server_node], stage.address_of_server, NAME)

    def answer() -> dict[str, Any]:
        stage.server.tell("names", mode="true")
        return {}

    return Effect(proof={"met": met}, lasts=None if fault.lasts is None else float(fault.lasts), end=answer)


async def dns_change(number: int, fault: DnsChange, stage: Stage) -> Effect:
    """Proof: what a stranger in the server's node is told now, and how many rules silence the old address."""
    said = await _obeyed(stage, "move-name", address=fault.address)
    met = await name_met(stage.network.namespaces[stage.server_node], stage.address_of_server, NAME)
    proof: dict[str, Any] = {"was": said["was"], "met": met, "old": fault.old.value}
    if fault.old is OldAddress.SERVES:
        return Effect(proof={**proof, "rules": 0}, lasts=None)
    link = stage.cell.topology.server_link()
    (far,) = (node for node, _ in link.ends if node != stage.server_node)
    ends = stage.network.namespaces[stage.server_node], stage.network.namespaces[far]
    losses = silence(link.name, *ends, address=said["was"], ports=sorted({*PORTS.values()}), name=f"fault-{number}")
    return Effect(proof={**proof, "rules": losses.rules}, lasts=None, end=lambda: {"dropped": losses.end()})


async def revoked_client_certificate(fault: RevokedClientCertificate, stage: Stage) -> Effect:
    """Proof: what becomes of somebody who shows the client's certificate, connecting from the server's node."""
    await _obeyed(stage, "revocation", listed=True)
    space, folder = stage.network.namespaces[stage.server_node], stage.certificates
    own = (folder / "client.pem", folder / "client.key")
    met = client_certificate_met(space, stage.address_of_server, PORTS["tls"], folder / "ca.pem", *own)

    def reinstate() -> dict[str, Any]:
        stage.server.tell("revocation", listed=False)
        return {}

    return Effect(proof={"met": met}, lasts=None if fault.lasts is None else float(fault.lasts), end=reinstate)


async def _answers(stage: Stage, mode: str, by: float | None, lasts: float | None) -> Effect:
    said = await _obeyed(stage, "answer", mode=mode, by=by)

    def at_once() -> dict[str, Any]:
        stage.server.tell("answer", mode="at-once", by=None)
        return {}

    return Effect(proof={"answers": said["mode"], "by": said["by"]}, lasts=lasts, end=at_once)


async def _obeyed(stage: Stage, do: str, **fields: Any) -> dict[str, Any]:
    obeyed = stage.expectations.next(who="server", ev="obeyed", do=do)
    stage.server.tell(do, **fields)
    return await stage.expectations.within(SAID_WITHIN_S, obeyed, f"the server to obey `{do}`")
