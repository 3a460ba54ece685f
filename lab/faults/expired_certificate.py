"""Lets the server's certificate expire."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from lab.faults._new_flow import asked_anew
from lab.faults._refusals import UNVERIFIED, failed_flows
from lab.faults.base import (
    IS_DOWN,
    STANDS_STILL,
    ActiveFault,
    Fault,
    FaultImpact,
    Infeasible,
    LostProbe,
    Occurrence,
    RunningCell,
)
from lab.model.scenario import Cell
from lab.model.verdict import CauseKind
from lab.network.socket_checks import certificate_met
from lab.record.events import ClientTransport
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpiredCertificate(Fault):
    """The server's certificate has expired: new TLS connections meet that one; those there are stay.

    Attributes:
        lasts: until it is renewed; None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The certificate in a test handshake from the server's node that trusts the run's authority."""

        met: str

    order = 120
    holds = "the server's certificate"
    not_while = frozenset({STANDS_STILL, IS_DOWN})
    causes = (
        CauseKind(
            "server-certificate-expired",
            "Fault: the client refused a connection because the server's certificate had expired.",
        ),
    )

    lasts: Lasting | None = None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if not cell.transport.secure:
            return Infeasible(what="only TLS has certificates", allowed="use `transport: tls`")
        if not cell.server_transport.secure:
            what = "TLS ends at the proxy, whose certificate it would be"
            return Infeasible(what=what, allowed="use a proxy with `mode: tcp`")
        return None

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        await cell.ask_server("certificate", expired=True)
        namespace, (address, port) = cell.namespaces[cell.server_node], cell.server_endpoint.address
        met = certificate_met(namespace, address, port, cell.certificates / "ca.pem")

        def renew() -> None:
            cell.tell_server("certificate", expired=False)

        return ActiveFault(proof=self.Proof(met=met), end=renew)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        met = seen.proof.met
        return "" if met == "expired" else f"who connects meets a certificate that is {met}"

    def words(self) -> str:
        """See `Fault`."""
        return "the server's certificate expired"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. It harms only a client that connects: its refusal shows it.

        pjsip refuses when the handshake is done, and says so itself. Others send an alert, which the server tells.
        """
        evidence = seen.evidence
        said = [
            (entry.t, entry.line, entry.event.reason) for entry in evidence.of(ClientTransport, state="disconnected")
        ]
        said += [
            (entry.t, entry.line, entry.event.reason)
            for entry in failed_flows(evidence)
            if entry.event.reason != UNVERIFIED
        ]
        for t, line, reason in sorted(said):
            word = reason.lower()
            if seen.at <= t <= lost.probe.known_s and "certificate" in word and "revoked" not in word:
                words = f", and the client refused it at {t:.1f} s"
                return FaultImpact(since_s=seen.at, evidence=(line,), words=words, anew_s=asked_anew(seen, lost, t))
        return None
