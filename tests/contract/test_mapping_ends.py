"""A mapping that ends, ends with its port: every way to end one, for every way to translate; seen from outside only.

After the end nothing that is sent to the old outside endpoint arrives inside, and the next mapping gets the port that
the rule says: the inside port if ports are preserved and it is free, else another one. In virtual time, all in one run.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
from typing import Any

import pytest

from lab import ledger
from lab.engine.jobs import Batch, do
from lab.errors import HostNotCapable
from lab.model import wire
from lab.model.middlebox import FilteringBehavior, Hairpinning, MappingBehavior, Middlebox, PortAssignment
from lab.units import Seconds
from lab.worlds import kernel, uml
from lab.worlds.clock import GUEST_MEMORY_MB
from tests.contract.mapping_ends import BOX_FILE, JOB, ROWS_FILE, Row

pytestmark = [pytest.mark.kernel, pytest.mark.virtual, pytest.mark.xdist_group("mapping-ends")]

BOX = Middlebox(
    name="box",
    established_idle_timeout=Seconds(60),
    udp_mapping_timer=Seconds(60),
    udp_one_way_timer=Seconds(20),
)
PORTS = (*PortAssignment, PortAssignment.PRESERVATION)
TRANSLATIONS = [
    *itertools.product(MappingBehavior, FilteringBehavior, PortAssignment, (Hairpinning.UNSUPPORTED,)),
    *(
        (mapping, filtering, ports, Hairpinning.EXTERNAL_SOURCE)
        for mapping, filtering, ports in zip(MappingBehavior, FilteringBehavior, PORTS, strict=True)
    ),
]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[Any, ...], list[Row]]:
    """What each translation showed."""
    try:
        if kernel.find() is None:
            kernel.build()
        clock = uml.decide("virtual")
    except HostNotCapable as lack:
        pytest.skip(str(lack))
    folder = tmp_path_factory.mktemp("ends")
    folders = [folder / str(number) for number in range(len(TRANSLATIONS))]
    for place, (mapping, filtering, ports, hairpinning) in zip(folders, TRANSLATIONS, strict=True):
        place.mkdir()
        box = dataclasses.replace(
            BOX, mapping=mapping, filtering=filtering, port_assignment=ports, hairpinning=hairpinning
        )
        (place / BOX_FILE).write_text(json.dumps(wire.to_json(box)))
    book = ledger.Ledger(f"test-{folder.name}-{os.getpid()}")
    batch = Batch(
        job=JOB,
        folders=folders,
        writable=folder,
        clock=clock,
        memory_mb=GUEST_MEMORY_MB,
        ledger=book,
        on_message=lambda message: None,
    )
    (errors,) = do([batch])
    book.close()
    assert errors == {}
    return {
        way: [Row(**row) for row in json.loads((place / ROWS_FILE).read_text())]
        for way, place in zip(TRANSLATIONS, folders, strict=True)
    }


@pytest.mark.parametrize("way", TRANSLATIONS, ids=lambda way: ",".join(part.value for part in way))
def test_a_mapping_ends_with_its_port(rows: dict[tuple[Any, ...], list[Row]], way: tuple[Any, ...]) -> None:
    """All that was seen is what the behaviour says."""
    assert [row for row in rows[way] if row.wanted != row.seen] == []
    assert len(rows[way]) > 100
