"""Links that carry nothing, or not everything.

Proof: how many rules the kernel shows, one at each end, and at the end how many packets they have lost.
"""

from __future__ import annotations

from lab.model.fault import LinkDown, MtuBlackHole
from lab.network.cut import cut, narrow
from lab.network.losses import Losses
from lab.runner.faults.effect import Effect
from lab.runner.stage import Stage


def down(number: int, fault: LinkDown, stage: Stage) -> Effect:
    """Nothing passes."""
    losses = cut(fault.link, _ends(fault.link, stage), name=f"fault-{number}")
    return _effect(fault.link, losses, float(fault.lasts))


def mtu_black_hole(number: int, fault: MtuBlackHole, stage: Stage) -> Effect:
    """Nothing larger passes."""
    losses = narrow(fault.link, _ends(fault.link, stage), fault.mtu, name=f"fault-{number}")
    return _effect(fault.link, losses, None if fault.lasts is None else float(fault.lasts))


def _effect(link: str, losses: Losses, lasts: float | None) -> Effect:
    return Effect(
        proof={"link": link, "rules": losses.rules, "lasts": lasts},
        lasts=lasts,
        end=lambda: {"link": link, "dropped": losses.end()},
    )


def _ends(name: str, stage: Stage) -> tuple[int, int]:
    (link,) = (link for link in stage.cell.topology.links if link.name == name)
    here, there = (stage.network.namespaces[node] for node, _ in link.ends)
    return here, there
