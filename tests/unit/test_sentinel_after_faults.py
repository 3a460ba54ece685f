"""What the sentinel must meet after a fault, or while one is in force."""

from __future__ import annotations

import pytest

from lab.judge.sentinel import MappingState, expected
from lab.model.middlebox import ForgottenFlow, Middlebox
from lab.record.events import SentinelState
from tests.unit.fault_records import DOWN, MOVE, REBOOT, goes_down, moves, outcome_with, reboots


@pytest.mark.parametrize(("until", "met", "conclusive"), [(99, "silent", True), (99, "delivered", False),
                                                          (63, "silent", True), (63, "delivered", True),
                                                          (63, "reset", False), (61, "silent", False)])  # fmt: skip
def test_a_link_that_is_down_while_the_sentinel_is_challenged(
    until: float, met: SentinelState, conclusive: bool
) -> None:
    """Down throughout (62 to 65 s): silence. Down for a part: silence or delivery. Up again before: delivery."""
    outcome = outcome_with(DOWN, *goes_down(until=until), met=met, answered=True)
    assert (outcome.doubt == "") is conclusive


def test_a_client_that_moved_must_show() -> None:
    """Nobody is where the sentinel's flows end any more; if they still deliver, the client did not move."""
    outcome = outcome_with(MOVE, *moves(), met="delivered", answered=True)
    assert "should show `silent`, showed `delivered`" in outcome.doubt


def test_an_emptied_table_must_show() -> None:
    """After a reboot the sentinel's flows are forgotten; a middlebox that still delivers did not reboot."""
    outcome = outcome_with(REBOOT, *reboots(REBOOT), met="delivered", answered=True)
    assert "should show `silent`, showed `delivered`" in outcome.doubt


SILENT, REPICKUP, RST_BOTH, RST_IN = (
    Middlebox(name=way.value, forgotten=way)
    for way in (
        ForgottenFlow.SILENT,
        ForgottenFlow.REPICKUP,
        ForgottenFlow.RST_TO_SENDER,
        ForgottenFlow.RST_TO_INSIDE,
    )
)


@pytest.mark.parametrize(
    ("path", "meets"),
    [
        ([(SILENT, MappingState.MOVED)], ("silent", "silent")),
        ([(RST_BOTH, MappingState.LOST)], ("reset", "reset")),
        ([(RST_BOTH, MappingState.MOVED)], ("reset", "silent")),
        ([(RST_IN, MappingState.MOVED)], ("reset", "silent")),
        ([(REPICKUP, MappingState.LOST)], ("delivered", "silent")),
        ([(REPICKUP, MappingState.MOVED)], ("reset", "silent")),
        ([(REPICKUP, MappingState.MOVED), (SILENT, MappingState.YES)], ("silent", "silent")),
        ([(REPICKUP, MappingState.MOVED), (REPICKUP, MappingState.YES)], ("reset", "silent")),
        ([(SILENT, MappingState.YES), (REPICKUP, MappingState.MOVED)], ("reset", "silent")),
    ],
)
def test_what_a_new_address_means_for_old_flows(
    path: list[tuple[Middlebox, MappingState]], meets: tuple[str, str]
) -> None:
    """From inside, a flow picked up again comes from an endpoint nobody beyond knows; from outside nobody is there."""
    assert expected(path) == meets
