"""Each mitigation is what its cells' verdicts hang on: with one that does nothing, a claim breaks.

Two runs of one cell for each mitigation, in virtual time: as the scenario says, and with its ``attach`` doing nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine import execute as engine
from lab.engine.cell_run import CellRun
from lab.engine.run_folder import RunFolder
from lab.engine.run_request import RunRequest
from lab.loader.load import load
from lab.mitigations import classes
from lab.model.scenario import Cell
from lab.model.verdict import Verdict
from lab.record.events import SettingMade
from lab.worlds.base import Message
from lab.worlds.clock import Clock
from tests.e2e import noop_mitigations
from tests.e2e.lab_command import ROOT

pytestmark = [pytest.mark.virtual, pytest.mark.xdist_group("vacuity"), pytest.mark.e2e, pytest.mark.timeout(900)]

ALL = ROOT / "scenarios" / "article" / "all.yaml"
CALL = ROOT / "scenarios" / "article" / "silent-call.yaml"
WEBSOCKET = ROOT / "scenarios" / "websocket" / "idle-registration.yaml"
UDP, TLS, PUSH, MOVES = (
    ROOT / "tests" / "e2e" / "vacuity" / name for name in ("udp.yaml", "tls.yaml", "push.yaml", "moves.yaml")
)


def claim_holds(seen: CellRun) -> bool:
    """The author's claim, which must then be there."""
    assert seen.outcome.claim_holds is not None
    return seen.outcome.claim_holds


def reaches(seen: CellRun) -> bool:
    """Every planned probe arrives; the claim is about the weakest moment, which these runs do not look for."""
    return seen.outcome.verdict is Verdict.PASS


def switch_is_disabled(seen: CellRun) -> bool:
    """No request of a cell is so large that it mattered.

    ``tests/contract/test_pjsip_mitigations_requests.py`` sends one that is.
    """
    return [entry.event.name for entry in seen.evidence.of(SettingMade)] == ["tcp-switch"]


def registers_as_second_flow(seen: CellRun) -> bool:
    """pjsua does outbound unasked; asked, it is with the values asked for."""
    log = (seen.folder / "client.log").read_text(encoding="utf-8")
    return set(re.findall(r";reg-id=(\d)", log)) == {"2"}


Shows = Callable[[CellRun], bool]

HANGS_ON: dict[str, tuple[Path, tuple[str, ...], Shows]] = {
    "adaptive": (ALL, ("adaptive", "nat-silent"), claim_holds),
    "crlf-keepalive": (ALL, ("crlf-30s-hold", "nat-silent"), claim_holds),
    "drop-dead-flow": (ALL, ("options-25s-drop-reconnect", "black-hole"), claim_holds),
    "flow-timer": (TLS, ("flow-timer-25s", "idle"), claim_holds),
    "hold-transport": (ALL, ("hold-transport", "idle"), claim_holds),
    "idle-time": (ALL, ("idle-600s", "idle"), claim_holds),
    "on-ip-change": (MOVES, ("deaf", "told"), claim_holds),
    "on-wake": (PUSH, ("push-then-register",), claim_holds),
    "options-ping": (ALL, ("options-ping-25s", "idle"), claim_holds),
    "outbound": (TLS, ("outbound-second-flow", "idle"), registers_as_second_flow),
    "pong-watchdog": (ALL, ("pong-watchdog", "black-hole"), claim_holds),
    "push-contact": (PUSH, ("push-then-register",), claim_holds),
    "reconnect": (ALL, ("reconnect", "reboot"), reaches),
    "refresh-subscription": (ALL, ("refresh-25s", "idle"), claim_holds),
    "register": (ALL, ("register-300s-crlf-30s", "idle"), claim_holds),
    "resubscribe": (ALL, ("resubscribe-25s", "idle"), reaches),
    "server-crlf": (TLS, ("server-crlf-held", "idle"), claim_holds),
    "server-options": (ALL, ("server-options-25s", "idle"), claim_holds),
    "server-outbound": (TLS, ("outbound-refreshed", "rst"), claim_holds),
    "server-push": (PUSH, ("push-then-register",), claim_holds),
    "server-ws-ping": (WEBSOCKET, ("ws", "server-ws-ping-25s"), claim_holds),
    "session-timer": (CALL, ("session-timer-90s",), claim_holds),
    "short-expiry": (ALL, ("short-expiry-30s", "idle"), claim_holds),
    "tcp-keepalive": (ALL, ("tcp-keepalive-25s-hold", "nat-silent"), claim_holds),
    "tcp-switch": (UDP, ("tcp-switch", "idle"), switch_is_disabled),
    "tcp-user-timeout": (ALL, ("tcp-user-timeout-30s-options-25s", "black-hole"), claim_holds),
    "tsx-timers": (UDP, ("rare-retransmissions", "ping-lost"), claim_holds),
    "udp-keepalive": (UDP, ("udp-keepalive-60s", "idle"), claim_holds),
    "watch-address": (MOVES, ("watches", "untold"), claim_holds),
}
"""For each mitigation a cell (its scenario, its labels) and what it shows there, and without it does not."""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, bool], CellRun]:
    """What came of each cell, by mitigation and whether it was at work."""
    scenarios = {file: load(file) for file in (ALL, CALL, UDP, TLS, PUSH, MOVES, WEBSOCKET)}
    cells: dict[str, tuple[Cell, str]] = {}
    for kind, (file, labels, _) in HANGS_ON.items():
        (cell,) = (cell for cell in scenarios[file].cells if tuple(label for _, label in cell.axes) == labels)
        assert kind in [mitigation.kind for mitigation in cell.strategy.mitigations]
        cells[kind] = (replace(cell, name=kind), "")
        cells[f"{kind},noop"] = (replace(cell, name=f"{kind},noop"), kind)
    together = replace(scenarios[ALL], cells=tuple(cell for cell, _ in cells.values()))

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        for cell, without in cells.values():
            (folder.cell(cell) / noop_mitigations.FILE_NAME).write_text(without, encoding="utf-8")
        return lambda message: None

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT)
        patch.setattr(engine, "CELL", noop_mitigations.JOB)
        out = tmp_path_factory.mktemp("vacuity")
        (ran,) = engine.execute(
            [RunRequest(scenario=together, out=out, clock=Clock.VIRTUAL, watch=watch, shares=False)]
        )
    found = {}
    for each in ran:
        kind, _, noop = each.name.partition(",")
        found[kind, not noop] = each
    return found


def test_every_mitigation_has_its_cell() -> None:
    """A new mitigation needs a cell whose verdict hangs on it."""
    assert list(HANGS_ON) == list(classes())


@pytest.mark.parametrize("kind", HANGS_ON)
def test_claim_hangs_on_the_mitigation(kind: str, seen: dict[tuple[str, bool], CellRun]) -> None:
    """It holds with the mitigation at work, and breaks if that does nothing, in a cell that is sound all the same.

    A client that is to register and does not is never set up.
    """
    shows = HANGS_ON[kind][2]
    at_work, noop = seen[kind, True], seen[kind, False]
    assert shows(at_work), at_work.outcome.claim_text
    if kind == "register":
        assert noop.outcome.doubt.endswith("it said `ready`, never `registered`")
    else:
        assert noop.outcome.verdict in (Verdict.PASS, Verdict.FAIL), noop.outcome.doubt
    assert not shows(noop)
