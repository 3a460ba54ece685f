"""A phone that changes networks: some changes of ``scenarios/mobile/networks``."""

from __future__ import annotations

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

CHANGES = {
    change: Cells(ROOT / "scenarios" / "mobile" / "networks.yaml", only=(f"transport={transport}", f"failure={change}"))
    for change, transport in {"overlap": "tcp", "back-into-portal": "tls", "vpn-told": "udp"}.items()
}


@pytest.mark.parametrize(
    "cells", [pytest.param(cells, marks=pytest.mark.cells(cells), id=change) for change, cells in CHANGES.items()]
)
def test_claims_hold(cells: Cells, virtually: Virtually) -> None:
    """What the scenario claims of a change is what the lab sees."""
    seen = virtually(cells)
    assert seen.status == 0, seen.said
