"""A phone that changes networks: some cells of ``scenarios/mobile/networks``; scripts/test --all runs all of them."""

from __future__ import annotations

import pytest

from tests.e2e.lab_command import ROOT
from tests.e2e.together import Cells, Virtually

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

TEXT = (ROOT / "scenarios" / "mobile" / "networks.yaml").read_text("utf-8")


def _some(*lines: str) -> str:
    """The scenario without the lines that begin so."""
    return "\n".join(line for line in TEXT.splitlines() if not line.strip().startswith(lines)) + "\n"


TOLD = Cells(
    _some(
        *(f"- {{ name: {name}," for name in ("leaves", "leaves-told-late", "leaves-closed", "overlap", "back", "flaps")),
        *(f"- {{ name: {name}," for name in ("new-address", "vpn", "vpn-spared", "portal", "same-address", "short")),
        *(f"- {{ name: {name}," for name in ("back-told", "flaps-told", "new-address-told")),
        "- watch-address-5s",
    ).replace("transport: [udp, tcp, tls]\n  strategy", "transport: [udp, tcp]\n  strategy"),
    name="networks",
)


@pytest.mark.cells(TOLD)
def test_claims_hold(virtually: Virtually) -> None:
    """What the scenario claims is what the lab sees."""
    seen = virtually(TOLD)
    assert seen.status == 0, seen.said
