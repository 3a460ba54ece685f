"""Runs one cell in this process: network, actors, timeline; leaves a record and nothing else.

Progress it says (``lab.runner.progress``), each with ``cell``: ``phase`` (network, subscribing, silent, ending), ``probe``
(probe, delivered, t), ``time`` (t) and ``error`` (side, exit_code, text).
"""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from pathlib import Path

from lab.actors import sip_server
from lab.actors.pjsip import client
from lab.backends.netns import NetnsBackend
from lab.errors import LabError
from lab.mitigations import classes
from lab.model import wire
from lab.model.scenario import Cell
from lab.model.topology import Role
from lab.network.netns import unshare_network
from lab.runner import progress
from lab.runner.record import FILE_NAME as RECORD
from lab.runner.record import Record
from lab.runner.timeline import Timeline

CELL_FILE = "cell.json"


def run(folder: Path) -> int:
    """Run the cell in ``folder``; returns the exit status (0: it ran; otherwise an ``error`` was said)."""
    os.setsid()
    try:
        cell = wire.from_json(Cell, json.loads((folder / CELL_FILE).read_text("utf-8")), plugins=_plugins())
        _run(cell, folder)
    except LabError as error:
        progress.say("error", cell=str(folder), side=error.side, exit_code=error.exit_code, text=str(error))
        return error.exit_code
    except Exception:  # noqa: BLE001  (a bug of ours: it must reach the user whole)
        progress.say("error", cell=str(folder), side="lab", exit_code=4, text=traceback.format_exc())
        return 4
    return 0
