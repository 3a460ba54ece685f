"""``lab init``: what it writes runs as written."""

from __future__ import annotations

import pytest

from lab.model.scenario import Account, Transport
from lab.starter.scenario import Answers, text, usual_strategies
from tests.e2e.together import Cells, Virtually

pytestmark = pytest.mark.e2e

USUAL = Cells(
    text(Answers(strategies=usual_strategies(Transport.TLS, Account.SUBSCRIBE))),
    name="from-init",
    only=("strategy=none", "strategy=options-ping-25s"),
)


@pytest.mark.cells(USUAL)
def test_the_usual_one_runs(virtually: Virtually) -> None:
    """It shows a problem and a cure, claims nothing, and so ends well."""
    seen = virtually(USUAL)
    assert {name: cell["verdict"] for name, cell in seen.cells.items()} == {"none": "fail", "options-ping-25s": "pass"}
    assert seen.status == 0
