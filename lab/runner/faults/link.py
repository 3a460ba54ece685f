"""Links that carry nothing, or not everything."""

from __future__ import annotations

from lab.model.fault import LinkDown, MtuBlackHole
from lab.network.cut import cut, narrow
from lab.runner.faults.effect import Effect, Proof
from lab.runner.stage import Stage


class LinkDownProof(Proof, frozen=True, kw_only=True):
    """Shows that a link carries nothing.

    Attributes:
        link: its name.
        rules: in place at its ends, one at each.
        lasts: seconds.
    """

    link: str
    rules: int
    lasts: float


class MtuBlackHoleProof(Proof, frozen=True, kw_only=True):
    """Shows that a link carries no large packets.

    Attributes:
        link: its name.
        rules: in place at its ends, one at each.
        lasts: seconds; None: until the end of the run.
    """

    link: str
    rules: int
    lasts: float | None


def down(number: int, fault: LinkDown, stage: Stage) -> Effect:
    """Let nothing pass."""
    losses = cut(fault.link, _ends(fault.link, stage), name=f"fault-{number}")
    lasts = float(fault.lasts)
    return Effect(proof=LinkDownProof(link=fault.link, rules=losses.rules, lasts=lasts), lasts=lasts, end=losses.end)


def mtu_black_hole(number: int, fault: MtuBlackHole, stage: Stage) -> Effect:
    """Let nothing larger pass."""
    losses = narrow(fault.link, _ends(fault.link, stage), fault.mtu, name=f"fault-{number}")
    lasts = None if fault.lasts is None else float(fault.lasts)
    return Effect(
        proof=MtuBlackHoleProof(link=fault.link, rules=losses.rules, lasts=lasts), lasts=lasts, end=losses.end
    )


def _ends(name: str, stage: Stage) -> tuple[int, int]:
    (link,) = (link for link in stage.cell.topology.links if link.name == name)
    here, there = (stage.network.namespaces[node] for node, _ in link.ends)
    return here, there
