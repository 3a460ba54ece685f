"""Helps faults of a middlebox's table: the mapping of a flow, and the effect of its end on a probe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lab.faults._flows import AT_ONCE_S
from lab.faults.base import FaultImpact, LostProbe, Occurrence
from lab.network import conntrack
from lab.record.flows import Flow


def mappings_of(table: Sequence[conntrack.Mapping], flow: Flow | None) -> list[conntrack.Mapping]:
    """Return the entries of a table that are the flow's: one in each middlebox on its way, none elsewhere.

    Others may share its mapping (RFC 4787 §4.1), and differ by the remote endpoint. Its outside endpoint may be one
    that the server has not seen.
    """
    if flow is None:
        return []
    pairs = set(flow.pairs)
    return [one for one in table if one.proto == flow.proto and (one.inside, one.remote) in pairs]


def harm_of_forgetting(seen: Occurrence[Any], lost: LostProbe, node: str) -> FaultImpact | None:
    """Return the harm of a mapping that ended at once in a middlebox and was not made anew before the probe."""
    ended = [entry for entry in seen.evidence.lost_mappings(lost.flow, lost.probe.asked_s) if entry.who == node]
    harmed = any(seen.at <= entry.t <= seen.at + AT_ONCE_S for entry in ended)
    return FaultImpact(since_s=seen.at) if harmed else None
