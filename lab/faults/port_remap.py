"""Maps one flow to another external port at a middlebox."""

from __future__ import annotations

import socket
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import msgspec

from lab.errors import LabFault
from lab.faults._flows import no_flow
from lab.faults._tables import harm_of_forgetting, mappings_of
from lab.faults.base import ActiveFault, Fault, FaultImpact, LostProbe, Occurrence, RunningCell
from lab.model.endpoint import LARGEST_PORT, Endpoint
from lab.model.rules import OfNode
from lab.model.verdict import CauseKind
from lab.network import conntrack, netns
from lab.network.lean_pyroute2 import (
    IPCTNL_MSG_CT_NEW,
    NETLINK_NETFILTER,
    NFNL_SUBSYS_CTNETLINK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    nfct_msg,
)
from lab.network.netlink import Netlink
from lab.record.events import Packet

_FIRST_PORT = 1024
"""A NAT keeps ports from here on apart from the well-known ones below (RFC 4787 §4.2.1, REQ-3)."""
_SEEN_BOTH_WAYS = 0x2 | 0x4 | 0x8  # linux/nf_conntrack_common.h: IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED
_ESTABLISHED = 3  # linux/nf_conntrack_tcp.h: TCP_CONNTRACK_ESTABLISHED
_LIBERAL = 0x8  # the same: IP_CT_TCP_FLAG_BE_LIBERAL, as the window's scale is not known


@dataclass(frozen=True, kw_only=True, slots=True)
class PortRemap(Fault):
    """A middlebox maps the client's current flow to another external port, and forgets the old mapping.

    A NAT should not: it reuses the mapping of an internal endpoint for all packets while that lives (RFC 4787 §4.1, RFC
    5382 §4.1). Nobody is told. The server goes on sending to the old port, and does not know the sender at the new one.
    Other flows keep their mappings.
    """

    class Proof(msgspec.Struct, frozen=True, kw_only=True):
        """The flow's mapping in the kernel.

        Attributes:
            node: the middlebox.
            flow: id of the client's current flow; None: there was none.
            before: its external endpoint; None: it had no mapping there.
            after: its external endpoint afterwards; None: it has no mapping any more.
        """

        node: str
        flow: str | None
        before: Endpoint | None
        after: Endpoint | None

    order = 25
    acts_on = "table"
    causes = (CauseKind("middlebox-remapped-port", "Fault: the middlebox mapped the flow to another external port."),)

    node: OfNode

    def begin(self, number: int, cell: RunningCell) -> ActiveFault:
        """See `Fault`."""
        flow, namespace = cell.current_flow(), cell.namespaces[self.node]
        table = conntrack.table(namespace)
        before = after = None
        for mapping in mappings_of(table, flow):
            before = mapping.outside
            conntrack.forget(namespace, mapping)
            _insert(namespace, mapping, port=_free_port(before, [one.outside for one in table]))
            now = (one for one in conntrack.table(namespace) if _same_session(one, mapping))
            after = next((one.outside for one in now), None)
        return ActiveFault(
            proof=self.Proof(node=self.node, flow=None if flow is None else flow.id, before=before, after=after)
        )

    def missing(self, seen: Occurrence[Proof]) -> str:
        """See `Fault`."""
        proof = seen.proof
        if without := no_flow(seen, proof.flow):
            return without
        if proof.before is None:
            return "the flow had no mapping there"
        if proof.after is None:
            return "the mapping is gone, and none is in its place"
        return f"the mapping is still to {proof.after}" if proof.after == proof.before else ""

    def words(self) -> str:
        """See `Fault`."""
        return f"middlebox {self.node} mapped the flow to another external port"

    def impact(self, seen: Occurrence[Proof], lost: LostProbe) -> FaultImpact | None:
        """See `Fault`. The server goes on sending to the old endpoint, or somebody met the new one in vain."""
        if harm_of_forgetting(seen, lost, self.node) is None:
            return None
        for entry in seen.evidence.of(Packet):
            met = entry.event.dst == seen.proof.before or entry.event.src == seen.proof.after
            if met and seen.at <= entry.t <= lost.probe.known_s:
                return FaultImpact(since_s=seen.at, evidence=(entry.line,))
        return None


def _same_session(one: conntrack.Mapping, other: conntrack.Mapping) -> bool:
    return (one.proto, one.inside, one.remote) == (other.proto, other.inside, other.remote)


def _free_port(before: Endpoint, taken: Collection[Endpoint]) -> int:
    """Return the next port of an external endpoint's address that no mapping has."""
    ports = {endpoint.port for endpoint in taken if endpoint.host == before.host}
    old = before.port or 0
    for port in chain(range(old + 1, LARGEST_PORT + 1), range(_FIRST_PORT, old)):
        if port not in ports:
            return port
    raise LabFault("finding a free external port", detail=f"{before.host} has none left")


def _insert(namespace: int, mapping: conntrack.Mapping, *, port: int) -> None:
    """Put a mapping into a table as it was, but for its external port.

    Raises:
        OSError: the kernel refused.
    """
    host = mapping.outside.host
    ports = {"attrs": [("CTA_PROTONAT_PORT_MIN", port), ("CTA_PROTONAT_PORT_MAX", port)]}
    source = [("CTA_NAT_V4_MINIP", host), ("CTA_NAT_V4_MAXIP", host), ("CTA_NAT_PROTO", ports)]
    attributes: list[tuple[str, object]] = [
        ("CTA_TUPLE_ORIG", conntrack.flow_tuple(mapping.proto, mapping.inside, mapping.remote)),
        ("CTA_TUPLE_REPLY", conntrack.flow_tuple(mapping.proto, mapping.remote, mapping.inside)),
        ("CTA_NAT_SRC", {"attrs": source}),
        ("CTA_STATUS", _SEEN_BOTH_WAYS),
        ("CTA_TIMEOUT", max(1, mapping.remaining)),
    ]
    if mapping.proto == "tcp":
        liberal = {"value": (_LIBERAL, _LIBERAL)}  # the flags, and which of them are meant
        tcp = [
            ("CTA_PROTOINFO_TCP_STATE", _ESTABLISHED),
            ("CTA_PROTOINFO_TCP_FLAGS_ORIGINAL", liberal),
            ("CTA_PROTOINFO_TCP_FLAGS_REPLY", liberal),
        ]
        attributes.append(("CTA_PROTOINFO", {"attrs": [("CTA_PROTOINFO_TCP", {"attrs": tcp})]}))
    message = nfct_msg()
    message.update({"nfgen_family": socket.AF_INET, "attrs": attributes})
    with netns.entered(namespace):
        link = Netlink(NETLINK_NETFILTER)
    with closing(link):
        link.request(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW, message, flags=NLM_F_CREATE | NLM_F_EXCL)
