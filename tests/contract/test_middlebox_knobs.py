"""No silent knob: flipping any behavior of a middlebox changes what is seen of it from outside, and nothing else.

Everything is surveyed in virtual time: the timers that tell behaviors apart are then exact on the busiest machine.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from lab.middlebox.compare import NEXT_PORT, compare
from lab.middlebox.measure import ANSWER_FILE, QUESTION_FILE
from lab.middlebox.measure_profiles import JOB
from lab.middlebox.measurement import Measurement, MeasurementRequest
from lab.model import wire
from lab.model.middlebox import (
    BEHAVIORS,
    FilteringBehavior,
    ForgottenFlow,
    Hairpinning,
    MappingBehavior,
    Middlebox,
    PortAssignment,
    RefreshDirection,
    RefreshingSegments,
    SipAlg,
)
from lab.units import Seconds
from tests.contract.in_guests import in_guests

pytestmark = [pytest.mark.kernel, pytest.mark.virtual, pytest.mark.xdist_group("middlebox-knobs")]

SHORT, LONGER = Seconds(70), Seconds(140)
BASE = Middlebox(
    name="base",
    established_idle_timeout=SHORT,
    transitory_timeout=SHORT,
    udp_mapping_timer=SHORT,
    udp_one_way_timer=SHORT,
)
FLIPPED: dict[str, Any] = {
    "established_idle_timeout": LONGER,
    "transitory_timeout": LONGER,
    "forgotten": ForgottenFlow.RST_TO_BOTH,
    "udp_mapping_timer": LONGER,
    "udp_one_way_timer": LONGER,
    "refresh_direction": RefreshDirection.OUTBOUND,
    "refreshing_segments": RefreshingSegments.DATA,
    "lifetime": Seconds(500),
    "mapping": MappingBehavior.ADDRESS_AND_PORT_DEPENDENT,
    "filtering": FilteringBehavior.ENDPOINT_INDEPENDENT,
    "port_assignment": PortAssignment.NO_PRESERVATION,
    "hairpinning": Hairpinning.EXTERNAL_SOURCE,
    "sip_alg": (SipAlg.TCP,),
}
LONGEST_S = 1000.0
ABOUT = {"name", "evidence", "source"}
"""The fields that say something about a middlebox, and make it do nothing."""

TRANSLATIONS = list(itertools.product(MappingBehavior, FilteringBehavior, PortAssignment, Hairpinning))


def test_liveness_is_complete() -> None:
    """A field added to a middlebox needs a proof that it does something."""
    assert {field.name for field in dataclasses.fields(Middlebox)} == {*FLIPPED, *ABOUT}
    assert tuple(FLIPPED) == BEHAVIORS


def _surveyed(boxes: list[Middlebox], folder: Path, *, longest: float) -> list[Measurement]:
    """What each shows, the timers of the base being looked at closely."""
    questions = [MeasurementRequest(box=box, claim=BASE, longest=longest) for box in boxes]
    folders = in_guests(JOB, questions, folder, file=QUESTION_FILE)
    return [wire.from_json(Measurement, json.loads((place / ANSWER_FILE).read_text())) for place in folders]


@pytest.fixture(scope="module")
def flipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measurement]:
    """What the base shows (under ``base``), and with each field flipped."""
    boxes = {"base": BASE} | {name: dataclasses.replace(BASE, **{name: value}) for name, value in FLIPPED.items()}
    shown = _surveyed(list(boxes.values()), tmp_path_factory.mktemp("flipped"), longest=LONGEST_S)
    return dict(zip(boxes, shown, strict=True))


def test_base(flipped: dict[str, Measurement]) -> None:
    """The base does what it says."""
    assert [each for each in compare(BASE, flipped["base"]) if not each.agrees] == []


@pytest.mark.parametrize("name", FLIPPED)
def test_flipped(flipped: dict[str, Measurement], name: str) -> None:
    """With one field flipped the middlebox does what it then says, and no longer what it said of that field before."""
    box = dataclasses.replace(BASE, **{name: FLIPPED[name]})
    assert [each for each in compare(box, flipped[name]) if not each.agrees] == []
    follows = [NEXT_PORT] if name == "port_assignment" else []
    assert [each.behavior for each in compare(BASE, flipped[name]) if not each.agrees] == [name, *follows]


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> list[Measurement]:
    """What each combination of RFC 4787's behaviors shows; no time for timers."""
    return _surveyed(list(map(_translating, TRANSLATIONS)), tmp_path_factory.mktemp("translated"), longest=0.0)


def _translating(way: tuple[Any, ...]) -> Middlebox:
    mapping, filtering, ports, hairpinning = way
    return dataclasses.replace(
        BASE, mapping=mapping, filtering=filtering, port_assignment=ports, hairpinning=hairpinning
    )


@pytest.mark.parametrize("way", TRANSLATIONS, ids=lambda way: ",".join(part.value for part in way))
def test_translation(translated: list[Measurement], way: tuple[Any, ...]) -> None:
    """Mapping, filtering, port assignment and hairpinning are independent of each other."""
    shown = translated[TRANSLATIONS.index(way)]
    assert way == (shown.mapping, shown.filtering, shown.port_assignment, shown.hairpinning)
