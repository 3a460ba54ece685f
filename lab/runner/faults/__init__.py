"""Faults: begun, proved, recorded, ended. One module per family; nothing is left that outlives the cell's namespaces.

The record gets ``fault`` with what proves that it took effect, and ``fault-over`` when it has ended.
"""

from __future__ import annotations

import asyncio

from lab.model.fault import (
    BlackHole,
    ClientMove,
    DnsChange,
    DnsFailure,
    EvictFlow,
    ExpiredCertificate,
    Fault,
    ForgedSegment,
    LinkDown,
    MtuBlackHole,
    Reboot,
    RevokedClientCertificate,
    ServerClose,
    ServerFreeze,
    ServerMute,
    ServerRestart,
    ServerSlow,
)
from lab.record import codec
from lab.record.events import FaultBegan, FaultEnded
from lab.record.writer import RUNNER
from lab.runner.faults import client, flow, link, middlebox, server
from lab.runner.faults.effect import Effect
from lab.runner.stage import Stage


async def inject(number: int, fault: Fault, stage: Stage, *, until: float) -> None:
    """Do what a fault says, now, and end it when its time is over.

    Args:
        number: its place in the scenario, from 0.
        fault: see ``lab.model.fault``.
        stage: the running cell.
        until: when the run ends (loop time), and with it every fault.
    """
    loop = asyncio.get_running_loop()
    name = type(fault).__name__
    stage.observe_now()
    start = loop.time()
    effect = await _begin(number, fault, stage)
    stage.record.take(RUNNER, FaultBegan(n=number, fault=name, proof=codec.proof(effect.proof)), at=start)
    over = until if effect.lasts is None else min(start + effect.lasts, until)
    await asyncio.sleep(max(0.0, over - loop.time()))
    stage.record.take(RUNNER, FaultEnded(n=number, fault=name, dropped=effect.end()))


async def _begin(number: int, fault: Fault, stage: Stage) -> Effect:  # noqa: C901  (one case per fault)
    match fault:
        case Reboot():
            return middlebox.reboot(fault, stage)
        case EvictFlow():
            return middlebox.evict_flow(fault, stage)
        case BlackHole():
            return flow.black_hole(number, fault, stage)
        case ForgedSegment():
            return flow.forged_segment(fault, stage)
        case LinkDown():
            return link.down(number, fault, stage)
        case MtuBlackHole():
            return link.mtu_black_hole(number, fault, stage)
        case ClientMove():
            return await client.move(number, fault, stage)
        case ServerClose():
            return await server.close(stage)
        case ServerRestart():
            return await server.restart(fault, stage)
        case ServerFreeze():
            return server.freeze(fault, stage)
        case ServerMute():
            return await server.mute(fault, stage)
        case ServerSlow():
            return await server.slow(fault, stage)
        case ExpiredCertificate():
            return await server.expired_certificate(fault, stage)
        case DnsFailure():
            return await server.dns_failure(fault, stage)
        case DnsChange():
            return await server.dns_change(number, fault, stage)
        case RevokedClientCertificate():
            return await server.revoked_client_certificate(fault, stage)
