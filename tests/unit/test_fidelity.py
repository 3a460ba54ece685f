"""What `lab fidelity` makes of what several ways showed."""

from __future__ import annotations

from lab.fidelity.comparable_events import ComparableEvent
from lab.fidelity.compare import Observation, Place, RunVariant, _compare, sentences
from tests.records import cell

REAL, VIRTUAL, OTHER = (
    RunVariant(Place.REAL, "scripted"),
    RunVariant(Place.VIRTUAL, "scripted"),
    RunVariant(Place.REAL, "kamailio"),
)
MOMENTS = [ComparableEvent(33.0, "client transport destroyed")]
FAIL = Observation("fail (client-idle-timer)", "", comparable=True, moments=MOMENTS)


def test_the_same_everywhere() -> None:
    """Servers have events of their own, so only ways with the same one share their moments."""
    other = Observation(FAIL.found, "", comparable=True, moments=[ComparableEvent(33.0, "server says otherwise")])
    compared = _compare(cell(), {REAL: FAIL, VIRTUAL: FAIL, OTHER: other}, within=0.5)
    assert compared.agrees()
    assert list(sentences(compared)) == []


def test_another_verdict() -> None:
    """Whichever server: verdict and cause must be the same."""
    compared = _compare(cell(), {REAL: FAIL, OTHER: Observation("pass", "", comparable=True, moments=[])}, within=0.5)
    assert not compared.agrees()
    assert list(sentences(compared)) == ["real, scripted: fail (client-idle-timer); real, kamailio: pass"]


def test_another_time() -> None:
    """The same verdict for another reason shows in the times."""
    late = Observation(FAIL.found, "", comparable=True, moments=[ComparableEvent(34.0, MOMENTS[0].name)])
    compared = _compare(cell(), {REAL: FAIL, VIRTUAL: late}, within=0.5)
    assert not compared.agrees()
    assert compared.apart_s == 1.0
    assert list(sentences(compared)) == [
        "virtual, scripted: client transport destroyed at 34.00 s instead of at 33.00 s"
    ]


def test_a_way_that_cannot_be() -> None:
    """Where a cell cannot exist there is nothing to compare."""
    lacks = Observation("unsupported", "", comparable=False, moments=[])
    assert _compare(cell(), {REAL: FAIL, OTHER: lacks}, within=0.5).agrees()


def test_an_error() -> None:
    """A way that could not run does not agree; it says why, and not what else is missing."""
    failed = Observation("host error", "no such image", comparable=True, moments=[])
    compared = _compare(cell(), {REAL: FAIL, VIRTUAL: failed}, within=0.5)
    assert not compared.agrees()
    assert list(sentences(compared)) == [
        "virtual, scripted: no such image",
        "real, scripted: fail (client-idle-timer); virtual, scripted: host error",
    ]
