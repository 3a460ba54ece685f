"""How pjsip registers as it is told, and what it does when the registrar refuses; docs/registration.md says so."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.e2e.together import Cells, Virtually

SCENARIO = """\
title: A registrar that refuses for five minutes
topology: home-nat
middlebox: never-forgets
transport: tcp
client: {{ account: register, registration: {{ {registration} }} }}
matrix:
  failure: [{{ name: refuses, faults: [server-refuses: {{ at: 10 s, lasts: 300 s{fault} }}] }}]
probes: [{{ at: 172 s }}]
ends: 190 s
claims: [{{ verdict: fail, cause: server-refused }}]
"""


def cells(name: str, registration: str, fault: str = "") -> Cells:
    return Cells(SCENARIO.format(registration=registration, fault=fault), name=name)


SETTINGS: dict[str, tuple[Cells, list[float]]] = {
    "usual": (cells("registration-usual", "expires: 60 s, retry-interval: 40 s"), [55, 55, 95, 135, 175]),
    "expires": (cells("registration-expires", "expires: 120 s, retry-interval: 40 s"), [115, 115, 155]),
    "refresh-before": (
        cells("registration-refresh", "expires: 60 s, refresh-before: 20 s, retry-interval: 40 s"),
        [40, 40, 80, 120, 160],
    ),
    "first-retry-interval": (
        cells("registration-first", "expires: 60 s, first-retry-interval: 10 s, retry-interval: 40 s"),
        [55, 65, 105, 145, 185],
    ),
    "retry-interval": (cells("registration-retry", "expires: 60 s, retry-interval: 100 s"), [55, 55, 155]),
    "never": (cells("registration-never", "expires: 60 s, retry-interval: never"), [55]),
}
"""Settings, and when REGISTERs then come: 40 s later is 40.0 s to 40.2 s, for pjsip's timers have their grain."""

JITTER = cells("registration-jitter", "expires: 60 s, retry-interval: 20 s, retry-jitter: 10 s")

ANSWERS: dict[str, tuple[Cells, list[float]]] = {
    "retry-after-20": (
        cells("refused-20", "expires: 60 s, retry-interval: 40 s", ", retry-after: 20 s"),
        [55, 55, 95, 135, 175],
    ),
    "retry-after-120": (
        cells("refused-120", "expires: 60 s, retry-interval: 40 s", ", retry-after: 120 s"),
        [55, 55, 95, 135, 175],
    ),
    "forbidden": (cells("refused-403", "expires: 60 s, retry-interval: 40 s", ", code: 403"), [55]),
    "server-error": (
        cells("refused-500", "expires: 60 s, retry-interval: 40 s", ", code: 500"),
        [55, 55, 95, 135, 175],
    ),
}

pytestmark = pytest.mark.e2e


def registers(virtually: Virtually, which: Cells) -> list[float]:
    """When the REGISTERs of the silence reached the server; each was refused."""
    seen = virtually(which)
    assert seen.status == 0, seen.said
    (name,) = seen.cells
    came = [line["t"] for line in seen.lines(name, "server", "request") if line["t"] > 1]
    refused = [line["t"] for line in seen.lines(name, "server", "response-sent") if line["t"] > 1]
    assert len(refused) == len(came)
    return came


@pytest.mark.parametrize("name", [pytest.param(each, marks=pytest.mark.cells(SETTINGS[each][0])) for each in SETTINGS])
def test_settings(virtually: Virtually, name: str) -> None:
    """Each setting moves the REGISTERs that it is about."""
    which, times = SETTINGS[name]
    assert registers(virtually, which) == pytest.approx(times, abs=0.5)


@pytest.mark.cells(JITTER)
def test_jitter(virtually: Virtually) -> None:
    """Pauses differ, by no more than was said."""
    pauses = [later - earlier for earlier, later in pairwise(registers(virtually, JITTER)[1:])]
    assert len(pauses) >= 3
    assert all(9.5 <= pause <= 30.5 for pause in pauses)
    assert max(pauses) - min(pauses) > 1


@pytest.mark.parametrize("name", [pytest.param(each, marks=pytest.mark.cells(ANSWERS[each][0])) for each in ANSWERS])
def test_answers(virtually: Virtually, name: str) -> None:
    """pjsua does not heed Retry-After; after 403 it does not come again."""
    which, times = ANSWERS[name]
    assert registers(virtually, which) == pytest.approx(times, abs=0.5)
