"""``lab curve``: when a client can be reached, which probes within one cell do not show."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.lab_command import ROOT, SHORT, run

pytestmark = [pytest.mark.virtual, pytest.mark.e2e, pytest.mark.timeout(300)]

SERVER_KEEPS = ROOT / "scenarios" / "article" / "server-keeps-alive.yaml"


def curve(home: Path, *options: str, file: Path = SERVER_KEEPS) -> dict[str, Any]:
    done = run("curve", file, *options, "--json", "--out", home / "runs", home=home)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert json.loads((home / "runs" / "latest" / "curve.json").read_text()) == found
    return found


def marks(cell: dict[str, Any]) -> str:
    return "".join({"reachable": "█", "unreachable": "░"}.get(look["reach"], "?") for look in cell["looks"])


def test_curve_of_a_refresh_that_comes_too_late(tmp_path: Path) -> None:
    """From the idle timer at 33 s to the refresh at 55 s nobody can reach the client; so again 33 s after that."""
    options = ("--only", "strategy=short-expiry-60s", "--from", "25", "--every", "15", "--until", "120")
    (cell,) = curve(tmp_path, *options)["cells"]
    assert marks(cell) == "█░░██░█"  # 25, 40, 55, 70, 85, 100, 115 s
    first, second = cell["outages"]
    assert (first["after_s"], first["from_s"], first["cause"]) == (25, 40, "client-idle-timer")
    assert first["before_s"] == 70
    assert (second["after_s"], second["from_s"], second["to_s"], second["before_s"]) == (85, 100, 100, 115)
    why = run("why", "short-expiry-60s,at-40s", "--run", tmp_path / "runs" / "latest", home=tmp_path)
    assert "NOTIFY p1 at 40.0 s failed" in why.stdout


def test_curve_shows_what_probes_in_one_cell_hide(tmp_path: Path) -> None:
    """Probes each 10 s keep a client reachable that does nothing for it; the curve has them each in its own cell.

    The default grid goes from one step to the scenario's end.
    """
    file = tmp_path / "project" / "probed.yaml"
    file.parent.mkdir()
    shutil.copytree(ROOT / "topologies", file.parent / "topologies")
    probes = "".join(f"  - {{ at: {at} s }}\n" for at in range(10, 60, 10))
    text = SHORT.read_text().replace("  - { at: 1 s }\n", probes).replace("ends: 6 s", "ends: 60 s")
    file.write_text(text)
    together = run("run", file, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    before = json.loads(together.stdout)
    assert {cell["name"]: cell["metrics"]["delivered"] for cell in before["cells"]} == {"none": 5, "hold-transport": 5}
    found = curve(tmp_path, file=file)
    assert {cell["name"]: marks(cell) for cell in found["cells"]} == {"none": "███░░░", "hold-transport": "██████"}
    assert [look["at_s"] for look in found["cells"][0]["looks"]] == [10, 20, 30, 40, 50, 60]
    after = run("run", file, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    verdicts = [
        [(cell["name"], cell["verdict"]) for cell in report["cells"]] for report in (before, json.loads(after.stdout))
    ]
    assert verdicts[0] == verdicts[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--until", "5"), "no moment"),
        (("--every", "0.001"), "too many cells"),
        (("--only", "strategy=nine"), "no such strategy"),
    ],
)
def test_wrong_grid(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    """Status 2 and what is wrong; nothing is started."""
    done = run("curve", SHORT, *options, "--out", tmp_path / "runs", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()
