"""Selects the parts of a cell on which its run can depend. Pure.

=========================================  ==============================================================
never part of a world                      names and labels, sources, grades; claim, expectation, radio, what else only the
                                           judge reads
not part, but a record must bear it out    of a middlebox: UDP timers; TCP timers that are longer than the cell, and then what a
                                           forgotten flow meets; over TCP and TLS its mapping and filtering of UDP; the SIP ALG of
                                           another transport
part of it                                 all else: topology, transport, port assignment, strategy, server, client, seed, probes, …
=========================================  ==============================================================

The sentinel's flows are TCP in every cell and idle from beginning to end. So a TCP timer that ends within a cell is part
of its world, over UDP as well; but for a silent hour, of which nothing but the client's traffic is read.

Nothing but names is left out where a fault does more than end mappings, where the middlebox counts age, direction or data,
or where the client may do more than it is asked.
"""  # noqa: E501  (a table)

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace

from lab.clients.catalog import client_of
from lab.faults.base import faults_of
from lab.model import wire
from lab.model.middlebox import Evidence, Grade, Middlebox, RefreshDirection, RefreshingSegments
from lab.model.scenario import Cell, Expectation, RadioKind, Transport
from lab.units import Seconds

_USUAL = Middlebox(name="")
"""Where a value is left out, this one's stands in its place."""

_TCP_TIMERS = ("established_idle_timeout", "transitory_timeout", "forgotten")
_UDP_TIMERS = ("udp_mapping_timer", "udp_one_way_timer")
_OF_UDP = ("mapping", "filtering", "hairpinning")


def digest(cell: Cell, *, silent: bool, timers: bool) -> str:
    """Return what is the same of all cells that may share a record.

    Args:
        cell: supported.
        silent: nothing but the client's traffic is read of it.
        timers: leave out, too, what a record must bear out.
    """
    told = wire.to_json(seen(cell, silent=silent) if timers else named_alike(cell))
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def named_alike(cell: Cell) -> Cell:
    """Return the cell without names, and without what only its judge reads."""
    return replace(
        cell,
        scenario="",
        name="",
        axes=(),
        claim=None,
        unsupported="",
        expect=Expectation(),
        apart=(),
        silent_over=Seconds(0),
        radio=cell.radio if any(fault.needs_radio for fault in faults_of(cell)) else RadioKind.LTE,
        strategy=replace(cell.strategy, name="", what="", source=""),
        proxy=None if cell.proxy is None else replace(cell.proxy, name="", source="", evidence=Grade.ASSUMED),
        device=None,
        middleboxes=tuple(
            (node, replace(box, name="", source="", evidence=Evidence())) for node, box in cell.middleboxes
        ),
    )


def anywhere(cell: Cell) -> Cell:
    """Return the cell without the places of its files on this machine."""
    return replace(cell, folder="", wheel="", interpreter="")


def seen(cell: Cell, *, silent: bool) -> Cell:
    """Return the cell without what its run may turn out not to depend on."""
    alike = named_alike(cell)
    if client_of(cell).does_more_than_asked or not all(fault.only_forgets for fault in faults_of(cell)):
        return alike
    boxes = tuple((node, _seen(box, cell, silent=silent)) for node, box in alike.middleboxes)
    return replace(alike, middleboxes=boxes)


def _seen(box: Middlebox, cell: Cell, *, silent: bool) -> Middlebox:
    if not ages_by_idleness(box):
        return box
    left_out = set(_UDP_TIMERS)
    if silent or outlasts(box, cell):
        left_out |= {*_TCP_TIMERS, *(_OF_UDP if cell.transport is not Transport.UDP else ())}
    usual = {field.name: getattr(_USUAL, field.name) for field in fields(Middlebox) if field.name in left_out}
    algs = tuple(alg for alg in box.sip_alg if alg.value == cell.transport.value)
    return replace(box, **usual, sip_alg=algs)


def ages_by_idleness(box: Middlebox) -> bool:
    """Return whether any packet starts its timers anew, and nothing else ends a mapping."""
    return (
        box.lifetime is None
        and box.refresh_direction is RefreshDirection.BOTH
        and box.refreshing_segments is RefreshingSegments.ANY
    )


def outlasts(box: Middlebox, cell: Cell) -> bool:
    """Return whether an established TCP flow that is idle from beginning to end is still known then."""
    return box.established_idle_timeout is None or box.established_idle_timeout > cell.ends
