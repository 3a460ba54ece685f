"""A mapping that ends, ends with its port: every way to end one, for every way to translate; seen from outside only.

After the end nothing that is sent to the old outside endpoint arrives inside, and the next mapping gets the port that
the rule says: the inside port if ports are preserved and it is free, else another one. In virtual time, all in one run.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from typing import Any

import pytest

from lab.model.middlebox import FilteringBehavior, Hairpinning, MappingBehavior, Middlebox, PortAssignment
from lab.units import Seconds
from tests.contract.in_guests import in_guests
from tests.contract.mapping_ends import BOX_FILE, JOB, ROWS_FILE
from tests.contract.mapping_trial import Row

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
    boxes = [
        dataclasses.replace(BOX, mapping=mapping, filtering=filtering, port_assignment=ports, hairpinning=hairpinning)
        for mapping, filtering, ports, hairpinning in TRANSLATIONS
    ]
    folders = in_guests(JOB, boxes, tmp_path_factory.mktemp("ends"), file=BOX_FILE)
    return {
        way: [Row(**row) for row in json.loads((place / ROWS_FILE).read_text())]
        for way, place in zip(TRANSLATIONS, folders, strict=True)
    }


@pytest.mark.parametrize("way", TRANSLATIONS, ids=lambda way: ",".join(part.value for part in way))
def test_a_mapping_ends_with_its_port(rows: dict[tuple[Any, ...], list[Row]], way: tuple[Any, ...]) -> None:
    """All that was seen is what the behavior says."""
    assert [row for row in rows[way] if row.wanted != row.seen] == []
    assert len(rows[way]) > 100
