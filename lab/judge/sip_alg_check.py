"""Checks that SIP was rewritten exactly where the scenario has a SIP ALG. Pure."""

from __future__ import annotations

from collections import defaultdict

from lab.judge.sentinel import middleboxes_on_path
from lab.record.events import Request, RequestSent
from lab.record.evidence import Evidence

_NO_ADDRESS = ".invalid"
"""The end of a name that clients over WebSocket write where others have their address (RFC 7118, appendix B.1)."""


def why_inconclusive(evidence: Evidence) -> str:
    """Say why the record does not show the SIP ALGs of the scenario, and no others; empty if it does.

    What the client sent is compared with what came: the client's own changes of its Contact are none of an ALG's. Of a
    client that does not say what it sent, only the first request tells: it cannot have learnt another address yet.
    """
    cell = evidence.cell
    transport = cell.transport.value
    meddling = [name for name, box in cell.middleboxes if transport in [alg.value for alg in box.sip_alg]]
    on_path = [name for name in middleboxes_on_path(cell.topology) if name in meddling]
    rewritten = _rewritten(evidence) if evidence.has(RequestSent) else _first_rewritten(evidence)
    if on_path and not rewritten:
        return f"middlebox {on_path[0]} has a SIP ALG for {transport}, and no request came out changed"
    if rewritten and not meddling:
        return f"no middlebox has a SIP ALG for {transport}, and {rewritten[0].method} came out changed"
    return ""


def _rewritten(evidence: Evidence) -> list[Request]:
    """Return the requests that reached the server otherwise than the client has ever sent them."""
    sent = defaultdict(set)  # it sends a request again when it is not answered
    for own in evidence.of(RequestSent):
        sent[own.event.method, own.event.call_id, own.event.cseq].add((own.event.via, own.event.contact))
    came = (entry.event for entry in evidence.of(Request))
    return [
        request
        for request in came
        if (versions := sent.get((request.method, request.call_id or "", request.cseq or 0)))
        and (request.via, request.contact) not in versions
    ]


def _first_rewritten(evidence: Evidence) -> list[Request]:
    own = str(evidence.cell.topology.address(evidence.client).ip)
    first = [entry.event for entry in evidence.of(Request)][:1]
    hosts = [(request, (request.via or "").partition(":")[0]) for request in first]
    return [request for request, host in hosts if host not in ("", own) and not host.endswith(_NO_ADDRESS)]
