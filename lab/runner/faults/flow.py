"""What happens on the way to the client's current flow alone."""

from __future__ import annotations

from lab.model.fault import BlackHole, Direction, End, Flag, ForgedSegment
from lab.model.topology import Role
from lab.network.forge import Segment, forge
from lab.network.losses import in_transit
from lab.runner.faults.effect import Effect
from lab.runner.stage import Stage

_FLAGS = {Flag.RST: "R", Flag.FIN: "FA"}  # a FIN without ACK is ignored (RFC 9293 §3.10.7.4)


def black_hole(number: int, fault: BlackHole, stage: Stage) -> Effect:
    """Drop by the five-tuple, whichever endpoint the client has at this node.

    Proof: how many rules the kernel shows, and at the end how many packets they have lost.
    """
    flow = stage.flows.current()
    if flow is None:
        return Effect(proof={"node": fault.node, "flow": None, "rules": 0})
    here, server = [], flow.server or stage.server_endpoint
    for endpoint in flow.endpoints:
        if fault.direction in (Direction.BOTH, Direction.OUT):
            here.append(_match(flow.proto, endpoint, server))
        if fault.direction in (Direction.BOTH, Direction.IN):
            here.append(_match(flow.proto, server, endpoint))
    losses = in_transit(f"fault-{number}", stage.network.namespaces[fault.node], here)
    what = {"node": fault.node, "flow": flow.id, "direction": fault.direction.value}
    proof = {**what, "rules": losses.rules, "wanted": len(here)}
    lasts = None if fault.lasts is None else float(fault.lasts)
    return Effect(proof=proof, lasts=lasts, end=lambda: {"dropped": losses.end()})


def forged_segment(fault: ForgedSegment, stage: Stage) -> Effect:
    """Send to each end what the other end's next segment would be.

    Proof: ``segments``, each as a capture must have seen it on its link.
    """
    ends = [end for end in (End.CLIENT, End.SERVER) if fault.to in (end, End.BOTH)]
    segments = [sent for end in ends if (sent := _send(fault, end, stage)) is not None]
    flow = stage.flows.current()
    return Effect(
        proof={"node": fault.node, "flow": flow.id if flow else None, "segments": segments, "wanted": len(ends)}
    )


def _send(fault: ForgedSegment, to: End, stage: Stage) -> dict[str, object] | None:
    topology, flow = stage.cell.topology, stage.flows.current()
    role = Role.CLIENT if to is End.CLIENT else Role.SERVER
    link = topology.link_towards(fault.node, topology.only(role).name)
    server = (flow.server if flow is not None else "") or stage.server_endpoint
    for endpoint in flow.endpoints if flow is not None else ():
        source, target = (server, endpoint) if to is End.CLIENT else (endpoint, server)
        seq = stage.flows.next_sequence_number(link.name, source, target)
        ack = stage.flows.next_sequence_number(link.name, target, source)
        if seq is None or ack is None:
            continue
        segment = Segment(source=source, target=target, flags=_FLAGS[fault.flag], seq=seq, ack=ack)
        ((_, own),) = (end for end in link.ends if end[0] == fault.node)
        ((_, neighbour),) = (end for end in link.ends if end[0] != fault.node)
        namespace = stage.network.namespaces[fault.node]
        forge(segment, link=link.name, namespace=namespace, own=own.ip, neighbour=neighbour.ip)
        return {"link": link.name, "to": to.value, "src": source, "dst": target, "flags": segment.flags, "seq": seq}
    return None


def _match(proto: str, source: str, target: str) -> str:
    (source_address, source_port), (target_address, target_port) = (end.split(":") for end in (source, target))
    return (
        f"ip saddr {source_address} ip daddr {target_address} {proto} sport {source_port} {proto} dport {target_port}"
    )
