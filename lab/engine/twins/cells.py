"""Makes the cells of twins: copies that differ in what the twin is for. They have no claims.

A probe restarts timers, so several in one cell do not show when a client can be reached; one cell for each moment does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from lab.faults.base import faults_of
from lab.loader.unsupported import examined
from lab.mitigations.catalog import classes
from lab.model import wire
from lab.model.middlebox import Middlebox
from lab.model.proxy import Proxy
from lab.model.push import Push
from lab.model.scenario import Cell, Expectation, Probe
from lab.model.without import (
    Without,
    WithoutExpiry,
    WithoutFault,
    WithoutIdleTimer,
    WithoutProxyTimeout,
    WithoutPushFailure,
    WithoutServerIdle,
    WithoutTimer,
)
from lab.units import Seconds

CLEAR_OF_EXPIRY_S = 8.0
"""The sentinel is challenged some seconds before the end at the latest, and that must not be the very moment at which
the middlebox forgets: an end within this time after it is moved there."""

LONGEST_NAME = 220
"""Of a twin: file systems take 255 bytes."""

FOR_EVER_S = 86400.0
"""A day: longer than the cells that are looked into."""

IDLE_TIME = "idle-time"
"""The mitigation that lets a client's idle connections live."""

_HUMP = re.compile(r"(?<!^)(?=[A-Z])")
AT = "at"
"""The axis that a cell has in addition if it is probed at a moment of its own."""

NOT_OF_THE_NETWORK = ("scenario", "name", "axes", "claim", "unsupported")
"""What says nothing of how a client and its way are made: cells that differ in this alone cost the same."""


def probed_at(cell: Cell, at: float) -> Cell:
    """Return the cell with its first probe, moved to ``at`` (seconds), as its only one.

    Faults that begin once the probe's fate is known are left out: they cannot matter, and need not prove anything. Its
    name has the moment added.
    """
    return _probed(cell, (), at)


def probed_again(cell: Cell, at: float) -> Cell:
    """Return the cell with its first probe, moved to ``at`` (seconds), in the place of all later ones.

    The earlier ones stay, so that everything up to that moment is as in the cell.
    """
    return _probed(cell, tuple(probe for probe in cell.probes if probe.at < at), at)


def _probed(cell: Cell, before: tuple[Probe, ...], at: float) -> Cell:
    probe = dataclasses.replace(cell.probes[0], at=Seconds(at))
    known = max(float(each.known_at) for each in (*before, probe))
    changed = dataclasses.replace(
        cell,
        name=_named(cell, f"at-{at:g}s"),
        axes=(*cell.axes, (AT, f"{at:g}s")),
        faults=tuple(fault for fault in cell.faults if fault.at.fixed is None or fault.at.fixed <= known),
        probes=(*before, probe),
        apart=(),
        expect=Expectation(),
        ends=Seconds(clear_of_expiry(cell, max(float(cell.ends), known))),
        claim=None,
    )
    return examined(changed)


def silent(cell: Cell, over: float) -> Cell:
    """Return the cell without probes and accidents, for ``over`` seconds; its name says which cells it is a twin of.

    Faults that are the device's own stay (`Fault.of_device`), if their time is
    known; of the cell's device, those that would come after the cell's end, too. Cells that differ in other faults and
    probes alone have the same silent twin, by the same name.
    """
    scheduled = (
        () if cell.device is None else tuple(fault for fault in cell.device.schedule if fault not in cell.faults)
    )
    faults = tuple(
        fault
        for fault in (*faults_of(cell), *scheduled)
        if fault.of_device and fault.at.fixed is not None and fault.at.fixed < over
    )
    bare = dataclasses.replace(
        cell, device=None, faults=faults, probes=(), apart=(), expect=Expectation(), ends=Seconds(over), claim=None
    )
    written = wire.to_json(bare).items()
    # a key that a later lab adds to cells is None in old ones, and must not give their twins another name
    told = {key: value for key, value in written if key not in NOT_OF_THE_NETWORK and value is not None}
    digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return dataclasses.replace(bare, name=f"silent-{digest}", axes=(), unsupported="")


def without(cell: Cell, left_out: Sequence[Without]) -> Cell | None:
    """Return the cell without some suspects; None if one of them cannot be left out.

    Args:
        cell: with all of them.
        left_out: the suspects; faults by their numbers in ``cell``.
    """
    changed: Cell | None = cell
    for one in sorted(left_out, key=lambda one: -one.number if isinstance(one, WithoutFault) else 0):
        changed = None if changed is None else _without(changed, one)
    if changed is None or (changed := examined(changed)).unsupported:
        return None
    names = ",".join(_in_a_name(one) for one in left_out)
    return dataclasses.replace(changed, name=_named(cell, f"without-{names}"), claim=None)


def with_seed(cell: Cell, seed: int) -> Cell:
    """Return the cell with another seed, which its name has added."""
    return dataclasses.replace(cell, name=_named(cell, f"seed-{seed}"), seed=seed, claim=None)


def clear_of_expiry(cell: Cell, end: float) -> float:
    """Return the first time from ``end`` on that is not just before or after a middlebox forgets an idle flow."""
    for _, box in cell.middleboxes:
        for expiry in (box.established_idle_timeout, box.lifetime):
            if expiry is not None and expiry - 1 < end < expiry + CLEAR_OF_EXPIRY_S:
                end = expiry + CLEAR_OF_EXPIRY_S
    return end


def _without(cell: Cell, one: Without) -> Cell | None:
    if isinstance(one, WithoutFault):
        faults = tuple(fault for number, fault in enumerate(cell.faults) if number != one.number)
        return dataclasses.replace(cell, faults=faults)
    if isinstance(one, WithoutTimer):
        boxes = tuple((node, _for_ever(box) if node == one.node else box) for node, box in cell.middleboxes)
        return dataclasses.replace(cell, middleboxes=boxes)
    if isinstance(one, WithoutIdleTimer):
        return _with_idle_time(cell)
    if isinstance(one, WithoutServerIdle):
        return dataclasses.replace(cell, server=dataclasses.replace(cell.server, idle_timeout=None))
    if isinstance(one, WithoutProxyTimeout):
        return dataclasses.replace(cell, proxy=None if cell.proxy is None else _patient(cell.proxy))
    if isinstance(one, WithoutPushFailure):
        return dataclasses.replace(cell, push=Push(delay=Seconds(0), delay_p95=Seconds(0)))
    grant = {f"{one.what}_expires": Seconds(FOR_EVER_S)}
    return dataclasses.replace(cell, server=dataclasses.replace(cell.server, **grant))  # type: ignore[arg-type]  # named at run time


def _for_ever(box: Middlebox) -> Middlebox:
    """Return a middlebox that forgets no flow by a timer."""
    return dataclasses.replace(
        box, established_idle_timeout=None, lifetime=None, udp_mapping_timer=Seconds(FOR_EVER_S), udp_one_way_timer=None
    )


def _patient(proxy: Proxy) -> Proxy:
    """Return a proxy that closes no idle connection."""
    forever = Seconds(FOR_EVER_S)
    nginx = dataclasses.replace(proxy, proxy_timeout=forever, proxy_read_timeout=forever)
    return dataclasses.replace(nginx, timeout_client=None, timeout_server=None, timeout_tunnel=None)


def _with_idle_time(cell: Cell) -> Cell | None:
    """Return the cell with a client whose connections live on when idle; None if it cannot be had."""
    kind = classes()[IDLE_TIME]
    others = tuple(one for one in cell.strategy.mitigations if one.kind != IDLE_TIME)
    longer: Any = kind(time=Seconds(FOR_EVER_S))  # type: ignore[call-arg]  # looked up by name
    return dataclasses.replace(cell, strategy=dataclasses.replace(cell.strategy, mitigations=(*others, longer)))


def _in_a_name(one: Without) -> str:
    """Return a few words that may stand in a folder's name."""
    if isinstance(one, WithoutFault):
        return f"fault-{one.number + 1}"
    if isinstance(one, WithoutTimer):
        return f"timer-of-{one.node}"
    name = _HUMP.sub("-", type(one).__name__.removeprefix("Without")).lower()
    return name + (f"-of-{one.what}" if isinstance(one, WithoutExpiry) else "")


def _named(cell: Cell, how: str) -> str:
    """Return a twin's name, which is a folder's: a long one ends with a digest."""
    name = f"{cell.name},{how}"
    if len(name) <= LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    return f"{name[:LONGEST_NAME]},{digest}"
