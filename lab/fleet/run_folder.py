"""The folder a run leaves behind.

::

    runs/20261122-203000-idle-subscription/
      scenario.yaml          the exact scenario
      report.json            verdicts, causes, metrics (docs/report.md)
      report.html junit.xml  the same for people, and for continuous integration
      tls/                   the run's certificates
      cells/<cell>/cell.json network.txt record.jsonl client.log server.log <link>.pcapng tls.keys
    runs/latest              link to the newest run
"""

from __future__ import annotations

import json
import os
from datetime import datetime, timezone
from pathlib import Path

from lab import certificates
from lab.errors import HostNotCapable
from lab.model import wire
from lab.model.scenario import Cell, Scenario
from lab.model.topology import Role

CELL_FILE = "cell.json"
REPORT_FILE = "report.json"


class RunFolder:
    """One run's folder below ``out``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def make(cls, out: Path, scenario: Scenario) -> RunFolder:
        """Create a new, uniquely named folder and everything cells need in it.

        Raises:
            HostNotCapable: the folder cannot be written.
        """
        now = datetime.now(tz=timezone.utc).strftime("%Y%m%d-%H%M%S")
        try:
            path = _unique(out.resolve(), f"{now}-{scenario.name}")
            (path / "scenario.yaml").write_text(scenario.text, encoding="utf-8")
            topology = scenario.cells[0].topology
            (path / "tls").mkdir()
            server = str(topology.address(topology.only(Role.SERVER).name).ip)
            further = dict.fromkeys(address for cell in scenario.cells for address in cell.further_addresses)
            certificates.make(path / "tls", server, *further)
            run = cls(path)
            for cell in scenario.cells:
                folder = run.cell(cell)
                folder.mkdir(parents=True)
                (folder / CELL_FILE).write_text(json.dumps(wire.to_json(cell)), encoding="utf-8")
            _point_latest(out.resolve(), path)
        except OSError as error:
            raise HostNotCapable(
                f"cannot write the run folder: {error}", fix="choose another with --out DIR"
            ) from error
        return run

    def cell(self, cell: Cell) -> Path:
        """The folder of one cell."""
        return self.path / "cells" / cell.name


def _unique(out: Path, name: str) -> Path:
    for number in range(1, 1000):
        path = out / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{out / name} and 998 more")


def _point_latest(out: Path, path: Path) -> None:
    """Move the ``latest`` link at once, so that two runs at the same time never leave it missing."""
    link = out / f".latest-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(path.name)
    link.replace(out / "latest")
