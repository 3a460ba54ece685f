"""Ends mappings of one middlebox in every way, and notes what is seen of it; a job for a world."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from lab.actors.mapping_expiry import MappingExpiry
from lab.backends.base import OpenBackend
from lab.backends.netns import bare
from lab.middlebox.measure import TOPOLOGY
from lab.model import wire
from lab.model.middlebox import Hairpinning, Middlebox, RefreshDirection
from lab.network.apply import Network, apply
from lab.network.link_drops import drop_everything
from lab.network.plan import plan
from lab.runner.cell import guarded
from lab.units import Seconds
from tests.contract.mapping_trial import ENDS, FIRST, SECOND, STRANGER, WITHIN_S, Row, Try

JOB = f"{__name__}:run"
BOX_FILE, ROWS_FILE = "box.json", "rows.json"


def run(folder: Path, open_backend: OpenBackend = bare) -> int:
    """Try the middlebox in ``folder``; return the exit status."""
    return guarded(_run, folder)


def _run(folder: Path) -> None:
    box = wire.from_json(Middlebox, json.loads((folder / BOX_FILE).read_text("utf-8")))
    rows: list[Row] = []
    for changes, ways in WAYS:
        changed = dataclasses.replace(box, **changes)
        network = apply(plan(TOPOLOGY, {"box": changed}))
        try:
            rows += asyncio.run(_try(ways, changed, network))
        finally:
            network.close()
    (folder / ROWS_FILE).write_text(json.dumps([dataclasses.asdict(row) for row in rows]), encoding="utf-8")


async def _try(ways: list[Callable[[Try], Awaitable[None]]], box: Middlebox, network: Network) -> list[Row]:
    aging = None
    if not box.ages_in_kernel:
        aging = MappingExpiry(box, namespace=network.namespaces["box"], inside="lan", outside="access")
        aging.watch()
    trial = Try(box, network)
    try:
        for way in ways:
            await way(trial)
    finally:
        trial.close()
        if aging is not None:
            aging.close()
    return trial.rows


def moved(end: str, host: str) -> str:
    """Return the outside address after an end."""
    return host if end != "new address" else SECOND if host == FIRST else FIRST


async def one_session(trial: Try) -> None:
    """A UDP mapping with one session ends in each way."""
    for end in ENDS:
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        mapped = await trial.answered(near, far)
        remapped = None
        if end == "idle":
            await asyncio.sleep(float(trial.box.udp_mapping_timer) + 1)
        else:
            proof = trial.inject(end, near, far, mapped, "udp").proof
            remapped = getattr(proof, "after", None)
        await trial.dead(end, near, mapped, [far, stranger])
        after = await trial.out(near, far)
        trial.row(f"{end}: address", wanted=moved(end, mapped[0]), seen=after[0])
        if remapped is None:
            trial.next_port(end, near, mapped, after)
        else:
            trial.row("remap: the port it says", wanted=remapped.port, seen=after[1])
        came_in = await trial.gets_in(far, near, after)
        trial.row(f"{end}: the next mapping lets its remote in", wanted=True, seen=came_in)
        admitted = trial.admits([far.getsockname()], stranger.getsockname())
        came_in = await trial.gets_in(stranger, near, after)
        trial.row(f"{end}: the next mapping lets a stranger in", wanted=admitted, seen=came_in)
        if after != mapped:
            await trial.dead(f"{end}, with the next mapping", near, mapped, [far, stranger])


async def unanswered(trial: Try) -> None:
    """A UDP mapping that nobody answered ends by the shorter timer."""
    near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
    mapped = await trial.out(near, far)
    await asyncio.sleep(float(trial.box.new_udp_timer) + 1)
    await trial.dead("unanswered", near, mapped, [far, stranger])
    trial.next_port("unanswered", near, mapped, await trial.out(near, far))


async def one_of_several(trial: Try) -> None:
    """One of three sessions of an inside endpoint is evicted, then the others."""
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    mapped = await trial.answered(near, far)
    others = {other: await trial.answered(near, other) for other in (beside, stranger)}
    for other, its in others.items():
        shared = trial.shares(far.getsockname(), other.getsockname())
        trial.row("a second session shares the mapping", wanted=shared, seen=its == mapped)
    trial.inject("eviction", near, far, mapped, "udp")
    lives = [other.getsockname() for other in others if trial.shares(far.getsockname(), other.getsockname())]
    wanted = bool(lives) and trial.admits(lives, far.getsockname())
    trial.row("evicted: gets in by others", wanted=wanted, seen=await trial.gets_in(far, near, mapped))
    after = await trial.out(near, far)
    if lives:
        trial.row("evicted: the mapping that others share", wanted=mapped, seen=after)
    else:
        trial.next_port("evicted", near, mapped, after)
    for other, its in {**others, far: after}.items():
        trial.inject("eviction", near, other, its, "udp")
    await trial.dead("all evicted", near, mapped, [far, beside, stranger])
    trial.next_port("all evicted", near, mapped, await trial.out(near, stranger))


async def the_last_to_go(trial: Try) -> None:
    """A mapping lasts until its last session is idle; a younger one with a shorter timer does not shorten that."""
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    answered, new = float(trial.box.udp_mapping_timer), float(trial.box.new_udp_timer)
    mapped = await trial.answered(near, far)
    await trial.out(near, beside)
    await asyncio.sleep(new + 5)
    third = await trial.out(near, stranger)
    shared = trial.shares(far.getsockname(), stranger.getsockname())
    trial.row("the longer timer counts", wanted=shared, seen=third == mapped)
    trial.row("the first is alive", wanted=True, seen=await trial.gets_in(far, near, mapped))
    await asyncio.sleep(answered + 1)
    await trial.dead("the last is idle", near, mapped, [far, beside, stranger])
    trial.next_port("the last is idle", near, mapped, await trial.out(near, far))


async def only_outbound(trial: Try) -> None:
    """Where only outbound packets refresh, nobody outside keeps a mapping."""
    near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
    mapped = await trial.answered(near, far)
    for _ in range(5):
        await asyncio.sleep(float(trial.box.udp_mapping_timer) / 6)
        await trial.gets_in(far, near, mapped)
        await trial.gets_in(stranger, near, mapped)
    await asyncio.sleep(float(trial.box.udp_mapping_timer) / 6)
    await trial.dead("refreshed from outside", near, mapped, [far, stranger])
    trial.next_port("refreshed from outside", near, mapped, await trial.out(near, far))


async def lost_at_the_door(trial: Try) -> None:
    """What is lost before it is in the middlebox keeps no mapping, from whichever side it came."""
    timer = float(trial.box.udp_mapping_timer)
    for link, node in (("lan", "client"), ("access", "internet")):
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        mapped = await trial.answered(near, far)
        losses = drop_everything(link, (trial.network.namespaces[node], trial.network.namespaces["box"]))
        await asyncio.sleep(timer / 2)
        if link == "lan":
            near.sendto(b"lost", far.getsockname())
        else:
            far.sendto(b"lost", mapped)
        await asyncio.sleep(timer / 2 - WITHIN_S)
        trial.row(f"{link} is down: packets lost", wanted=1, seen=losses.end())
        await asyncio.sleep(WITHIN_S + 1)
        await trial.dead(f"{link} was down", near, mapped, [far, stranger])


async def lifetime(trial: Try) -> None:
    """A mapping in use ends at its age, with all its sessions, and the next one has an age of its own."""
    age = float(trial.box.lifetime or 0)
    near, far, beside, stranger = trial.near(), trial.far(), trial.far(), trial.far(STRANGER)
    begun = asyncio.get_running_loop().time()
    mapped = await trial.answered(near, far)
    await _used(trial, near, far, until=begun + age / 2)
    other = await trial.answered(near, beside)
    await _used(trial, near, far, until=begun + age - 1)
    trial.row("just before its age", wanted=mapped, seen=await trial.out(near, far))
    await asyncio.sleep(begun + age + 1 - asyncio.get_running_loop().time())
    shared = trial.shares(far.getsockname(), beside.getsockname())
    await trial.dead("lifetime", near, mapped, [far, stranger, *([beside] if shared else [])])
    if not shared:
        trial.row("a younger mapping", wanted=True, seen=await trial.gets_in(beside, near, other))
    trial.next_port("lifetime", near, mapped, await trial.out(near, far))


async def lifetime_anew(trial: Try) -> None:
    """The age counts from the mapping that lives, whatever ended the one before."""
    age = float(trial.box.lifetime or 0)
    for end in ("eviction", "reboot"):
        near, far, stranger = trial.near(), trial.far(), trial.far(STRANGER)
        first = asyncio.get_running_loop().time()
        mapped = await trial.answered(near, far)
        await _used(trial, near, far, until=first + age / 2)
        trial.inject(end, near, far, mapped, "udp")
        begun = asyncio.get_running_loop().time()
        after = await trial.answered(near, far)
        await _used(trial, near, far, until=begun + age - 1)
        trial.row(f"{end}: as old as the one before would be, and older", wanted=after, seen=await trial.out(near, far))
        await asyncio.sleep(begun + age + 1 - asyncio.get_running_loop().time())
        await trial.dead(f"{end}, then lifetime", near, after, [far, stranger])


async def _used(trial: Try, near: socket.socket, far: socket.socket, *, until: float) -> None:
    while (left := until - asyncio.get_running_loop().time()) > 0:
        await asyncio.sleep(min(15.0, left))
        await trial.out(near, far)


async def tcp(trial: Try) -> None:
    """A TCP mapping ends in each way; the next connection from the same inside endpoint gets the port of the rule."""
    age = trial.box.lifetime
    for end in ENDS[:-1] if age is None else ("lifetime",):
        near, far, mapped = await trial.tcp()
        if end not in ("idle", "lifetime"):
            trial.inject(end, near, far, mapped, "tcp")
        else:
            await asyncio.sleep(float(trial.box.established_idle_timeout or 0) if age is None else float(age))
            await asyncio.sleep(1)
        await asyncio.get_running_loop().sock_sendall(far, b"?")
        trial.row(f"tcp {end}: gets in", wanted=False, seen=await trial.heard(near) is not None)
        port = near.getsockname()[1]
        for sock in (near, far):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
        anew, _, after = await trial.tcp(port)
        trial.row(f"tcp {end}: address", wanted=moved(end, mapped[0]), seen=after[0])
        if end != "remap":  # whose mapping lives
            trial.next_port(f"tcp {end}", anew, mapped, after)


async def hairpin(trial: Try) -> None:
    """Hairpinning goes on at a new address, and ends with the mapping."""
    if trial.box.hairpinning is Hairpinning.UNSUPPORTED:
        return
    near, caller, far = trial.near(), trial.near(), trial.far()
    mapped = await trial.answered(near, far)
    trial.inject("new address", near, far, mapped, "udp")
    caller.sendto(b"?", mapped)
    trial.row("hairpin: the old address", wanted=None, seen=await trial.heard(near))
    after = await trial.out(near, far)
    caller.sendto(b"?", after)
    source = await trial.heard(near)
    trial.row("hairpin: the new address", wanted=moved("new address", mapped[0]), seen=source and source[0])
    trial.inject("reboot", near, far, after, "udp")
    caller.sendto(b"?", after)
    trial.row("hairpin: an ended mapping", wanted=None, seen=await trial.heard(near))


WAYS: list[tuple[dict[str, Any], list[Callable[[Try], Awaitable[None]]]]] = [
    ({}, [one_session, unanswered, one_of_several, the_last_to_go, lost_at_the_door, tcp, hairpin]),
    ({"refresh_direction": RefreshDirection.OUTBOUND}, [only_outbound]),
    ({"lifetime": Seconds(100)}, [lifetime, lifetime_anew, tcp]),
]
"""What is changed in the middlebox, and what is tried then, on one network."""
