"""What a report warns of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Claim, Strategy
from lab.model.verdict import Verdict
from lab.report.formats.report_json import warnings
from tests.records import END, cell, flow_set_up, judged, probe, sentinel


def judged_as(strategy: str, *, answered: bool) -> tuple[Cell, Outcome]:
    subject = replace(cell(claim=Claim(verdict=Verdict.PASS)), strategy=Strategy(name=strategy))
    return subject, judged(subject, *flow_set_up(), *sentinel("delivered"), *probe(1, 100, answered=answered), END)


@pytest.mark.parametrize(("none", "other", "warned"), [(True, True, True), (False, True, False), (True, False, False)])
def test_where_nothing_fails_nothing_is_proved(none: bool, other: bool, warned: bool) -> None:
    """Without a failure no strategy shows anything; the failure may also be that of another client than pjsip."""
    found = warnings([judged_as("none", answered=none), judged_as("no-keepalive", answered=other)])
    assert [text.startswith("strategy `none` passes everywhere") for text in found] == [True] * warned
