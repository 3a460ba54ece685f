"""Revokes the client's certificate."""

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
from lab.model.scenario import Cell, ClientCertificate
from lab.model.verdict import CauseKind
from lab.network.socket_checks import client_certificate_met
from lab.units import Lasting


@dataclass(frozen=True, kw_only=True, slots=True)
class RevokedClientCertificate(Fault):
    """The client's certificate is revoked: new TLS connections are refused for it; those there are stay.

    The server must require one. It learns of it from its authority's revocation list (RFC 5280 §5).

    Attributes:
        lasts: until the server forgets the list; None: until the end of the run.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The result of a test handshake with the client's certificate from the server's node."""

        met: str

    order = 150
    holds = "the server's revocation list"
    not_while = frozenset({STANDS_STILL, IS_DOWN})
    causes = (
        CauseKind(
            "client-certificate-revoked",
            "Fault: the server refused a connection because the client's certificate had been revoked.",
        ),
    )

    lasts: Lasting | None = None

    def infeasible(self, cell: Cell) -> Infeasible | None:
        """See `Fault`."""
        if cell.transport.secure and cell.server.client_certificate is not ClientCertificate.NONE:
            return None
        allowed = "use `server: { client-certificate: required }`"
        return Infeasible(what="the server asks for no certificate", allowed=allowed)

    async def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        await cell.ask_server("revocation", listed=True)
        namespace, (address, port) = cell.namespaces[cell.server_node], cell.server_endpoint.address
        files = (cell.certificates / name for name in ("ca.pem", "client.pem", "client.key"))
        met = client_certificate_met(namespace, address, port, *files)

        def reinstate() -> None:
            cell.tell_server("revocation", listed=False)

        return ActiveFault(proof=self.Proof(met=met), end=reinstate)

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        met = seen.proof.met
        return "" if met == "revoked" else f"the client's certificate, shown by another, is {met}"

    def words(self) -> str:
        """See `Fault`."""
        return "the client's certificate was revoked"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. It harms only a client that connects: the server's refusal shows it."""
        for entry in failed_flows(seen.evidence):
            refused = "certificate revoked" in entry.event.reason or entry.event.reason == UNVERIFIED
            if refused and seen.at <= entry.t <= lost.probe.known_s:
                words = f", and the server refused it at {entry.t:.1f} s"
                anew = asked_anew(seen, lost, entry.t)
                return FaultImpact(since_s=seen.at, evidence=(entry.line,), words=words, anew_s=anew)
        return None
