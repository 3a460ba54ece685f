"""What a cell delivered and cost, counted from its record."""

from __future__ import annotations

from collections.abc import Iterable

from lab.judge.radio import radio
from lab.judge.repair import leaked_sockets, repair, stale_contacts
from lab.judge.story import Line, ProbeSeen, Story
from lab.model.outcome import CauseFound, Metrics, Outage
from lab.model.scenario import Cell
from lab.model.topology import Role

PROBE_SHADOW_S = 1.0
"""Traffic this soon after a probe or the set-up is theirs: any round trip without loss, delayed ACK included."""

SENTINEL_PORT = 5099


def measure(cell: Cell, story: Story, cause: CauseFound | None) -> Metrics:
    """Count traffic, probes and outages of one cell."""
    ends = story.ended() or float(cell.ends)
    probes = story.probes()
    shadows = sorted({0.0, *(t for probe in probes for t in (probe.sent_s, probe.asked_s))})
    packets = [line for line in client_packets(cell, story) if 0 <= line["t"] <= ends and not _in_shadow(line, shadows)]
    client = cell.topology.only(Role.CLIENT).name
    up = [line["bytes"] for line in packets if line["from"] == client]
    down = [line["bytes"] for line in packets if line["from"] != client]
    observed = ends - _covered(shadows, ends)
    per_hour = 3600 / observed if observed > 0 else 0.0
    air = radio((line["t"] for line in packets), until=ends)
    connects = sum(1 for t in _connects(cell, story) if 0 < t <= ends)
    handshakes = sum(1 for _, line in story.of("server", "flow", state="secured") if 0 < line["t"] <= ends)
    delivered = sum(1 for probe in probes if probe.answered)
    return Metrics(
        probes=len(cell.probes),
        delivered=delivered,
        delivered_share=round(delivered / len(cell.probes), 4) if cell.probes else 0.0,
        outages=tuple(_outages(probes, cause)),
        packets_up=len(up),
        packets_down=len(down),
        bytes_up=sum(up),
        bytes_down=sum(down),
        packets_per_hour=round(len(packets) * per_hour, 1),
        bytes_per_hour=round((sum(up) + sum(down)) * per_hour, 1),
        radio_wakeups_per_hour=round(air.wakeups * per_hour, 1),
        radio_active_s_per_hour=min(3600.0, round(air.active_s * per_hour, 1)),
        connects=connects,
        tls_handshakes=handshakes,
        stale_contacts=stale_contacts(story, ends),
        leaked_sockets=leaked_sockets(story, ends),
        repair=repair(story, cause, ends),
        observed_s=round(observed, 3),
    )


def _connects(cell: Cell, story: Story) -> list[float]:
    """When the client's connections were made; where it says nothing of them, when the network shows their SYN,ACK."""
    told = [line["t"] for _, line in story.of("client", "transport", state="connected")]
    if told or not cell.client.is_own:
        return told
    client = cell.topology.only(Role.CLIENT).name
    seen: dict[tuple[str, str], float] = {}
    for line in client_packets(cell, story):
        if line["from"] != client and {"S", "A"} <= set(line.get("flags", "")):
            seen.setdefault((line["src"], line["dst"]), line["t"])  # not those that were sent again
    return list(seen.values())


def client_packets(cell: Cell, story: Story) -> Iterable[Line]:
    """The packets on the client's links, but for the sentinel's."""
    ours = {link.name for link in cell.topology.client_links()}
    for _, line in story.of("link", "packet"):
        if line["link"] not in ours:
            continue
        ports = {line["src"].rpartition(":")[2], line["dst"].rpartition(":")[2]}
        if str(SENTINEL_PORT) not in ports:
            yield line


def _in_shadow(line: Line, shadows: list[float]) -> bool:
    return any(t <= line["t"] < t + PROBE_SHADOW_S for t in shadows)


def _covered(shadows: list[float], ends: float) -> float:
    """Total time within ``PROBE_SHADOW_S`` after any of these moments, before the end."""
    covered, reached = 0.0, 0.0
    for t in sorted(shadows):
        start, stop = max(t, reached), min(t + PROBE_SHADOW_S, ends)
        covered += max(0.0, stop - start)
        reached = max(reached, stop)
    return covered


def _outages(probes: list[ProbeSeen], cause: CauseFound | None) -> Iterable[Outage]:
    """From the first lost probe, or its cause if that is known, to the next answered one."""
    began: float | None = None
    known = cause.at_s if cause is not None else None
    for probe in probes:
        if not probe.answered and began is None:
            began = known if known is not None and known <= probe.asked_s else probe.asked_s
            known = None
        elif probe.answered and began is not None:
            yield Outage(from_s=began, to_s=probe.sent_s)
            began = None
    if began is not None:
        yield Outage(from_s=began, to_s=None)
