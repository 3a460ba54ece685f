"""Sets delay, loss, duplication, reordering and rate on one direction of a link, with the kernel's netem.

Imported only for cells that have impairments: pyroute2's traffic-control messages are another 70 ms.
"""

from __future__ import annotations

import errno
import socket

from lab.errors import HostNotCapable, LabFault
from lab.model.impairment import Impairment
from lab.network import netns
from lab.network.lean_pyroute2 import NETLINK_ROUTE, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, without_the_rest
from lab.network.netlink import Netlink

with without_the_rest():
    from pyroute2.netlink.rtnl import RTM_GETQDISC, RTM_NEWQDISC, TC_H_ROOT
    from pyroute2.netlink.rtnl.tcmsg import tcmsg

QUEUE_PACKETS = 10_000
"""What netem may hold; its default of 1000 would drop a second of delay at 8 Mbit/s in 1000-byte packets."""

_WHOLE = 0xFFFFFFFF
"""netem counts shares in 2³² - 1 parts (``struct tc_netem_qopt``)."""

TICK_NS = 64
"""The packet scheduler's tick: ``PSCHED_SHIFT`` 6 (net/pkt_sched.h)."""

_HANDLE = 0x10000


def impair(namespace: int, interface: str, impairment: Impairment) -> None:
    """Apply an impairment to what leaves an interface, and read it back.

    Effect: ``tc qdisc add dev INTERFACE root handle 1: netem delay … loss … duplicate … reorder … rate … limit 10000``

    Raises:
        HostNotCapable: this kernel has no netem.
        LabFault: the kernel refused it otherwise, or shows something else than was asked for.
    """
    with netns.entered(namespace):
        index = socket.if_nametoindex(interface)
        link = Netlink(NETLINK_ROUTE)
    try:
        message = tcmsg()
        message.update(family=socket.AF_UNSPEC, index=index, handle=_HANDLE, parent=TC_H_ROOT)
        message["attrs"] = [("TCA_KIND", "netem"), ("TCA_OPTIONS", _options(impairment))]
        try:
            link.request(RTM_NEWQDISC, message, flags=NLM_F_CREATE | NLM_F_EXCL)
        except OSError as refusal:
            if refusal.errno == errno.ENOENT:
                raise HostNotCapable(
                    "this kernel has no netem, which delay, loss and rate need",
                    fix="use --clock virtual, whose kernel has it, or `modprobe sch_netem`",
                ) from refusal
            raise LabFault(f"impairing {interface}", detail=str(refusal)) from refusal
        _read_back(link, index, interface, impairment)
    finally:
        link.close()


def _options(impairment: Impairment) -> dict[str, object]:
    attributes: list[tuple[str, object]] = []
    if impairment.reorder:
        attributes.append(("TCA_NETEM_REORDER", {"prob_reorder": _parts(impairment.reorder), "corr_reorder": 0}))
    if impairment.rate is not None:
        attributes.append(("TCA_NETEM_RATE", {"rate": _bytes_per_second(impairment.rate)}))
    return {
        "delay": _ticks(impairment.one_way_delay),
        "jitter": _ticks(impairment.jitter),
        "limit": QUEUE_PACKETS,
        "loss": _parts(impairment.loss),
        "duplicate": _parts(impairment.duplicate),
        "gap": 1 if impairment.reorder else 0,  # netem reorders only with a gap
        "attrs": attributes,
    }


def _read_back(link: Netlink, index: int, interface: str, impairment: Impairment) -> None:
    shown = next(
        (
            each.get_attr("TCA_OPTIONS")
            for each in link.request(RTM_GETQDISC, tcmsg(), flags=NLM_F_DUMP)
            if each["index"] == index and each.get_attr("TCA_KIND") == "netem"
        ),
        None,
    )
    if shown is None:
        raise LabFault(f"impairing {interface}", detail="the kernel shows no netem there")
    reorder, rate = shown.get_attr("TCA_NETEM_REORDER"), shown.get_attr("TCA_NETEM_RATE")
    seen = {
        "delay": shown["delay"],
        "jitter": shown["jitter"],
        "loss": shown["loss"],
        "duplicate": shown["duplicate"],
        "reorder": reorder["prob_reorder"] if reorder else 0,
        "rate": rate["rate"] if rate else 0,
    }
    asked = {
        "delay": _ticks(impairment.one_way_delay),
        "jitter": _ticks(impairment.jitter),
        "loss": _parts(impairment.loss),
        "duplicate": _parts(impairment.duplicate),
        "reorder": _parts(impairment.reorder),
        "rate": _bytes_per_second(impairment.rate) if impairment.rate is not None else 0,
    }
    if seen != asked:
        raise LabFault(f"impairing {interface}", detail=f"the kernel shows {seen} instead of {asked}")


def _ticks(seconds: float) -> int:
    return round(seconds * 1e9 / TICK_NS)


def _parts(percent: float) -> int:
    return round(percent / 100 * _WHOLE)


def _bytes_per_second(bits: float) -> int:
    return round(bits / 8)
