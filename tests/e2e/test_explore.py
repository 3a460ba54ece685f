"""``lab explore`` with real cells: what it finds shows again with ``lab run``, and a search leaves an ordinary run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import lab
from lab.cache_folder import cache_folder
from lab.exploration.kept import KeptTimelines
from lab.exploration.starts import starts
from tests.e2e.lab_command import run

pytestmark = [pytest.mark.e2e, pytest.mark.virtual]

SCENARIO = "article/idle-subscription"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder with the machine's kernels and clients, in which nothing has been found yet."""
    folder = tmp_path / "cache" / "lab"
    folder.mkdir(parents=True)
    for name in ("kernels", "packages", "pjsip"):
        (folder / name).symlink_to(cache_folder() / name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_reconnect_has_gaps_where_nothing_goes_wrong(tmp_path: Path) -> None:
    """The timeline without faults breaks it, and the file that is written claims what `lab run` shows."""
    out = tmp_path / "runs"
    options = ("--strategy", "reconnect", "--cells", "1", "--seed", "1", "--json", "--out", out)
    done = run("explore", SCENARIO, *options, home=tmp_path)
    assert done.returncode == 1, done.stderr
    told = json.loads(done.stdout)
    folder = (out / "latest").resolve()
    assert json.loads((folder / "explore.json").read_text(encoding="utf-8")) == told
    (finding,) = told["findings"]
    assert (finding["cause"], finding["faults"], told["timelines"]) == ("client-idle-timer", [], 1)
    assert Path(finding["file"]).parent == folder / "found"
    verdicts = {each.name: each.verdict.value for each in lab.open_run(folder)}
    assert verdicts == {"t1": "fail", "found-1": "fail"}
    (again,) = lab.run(finding["file"], out=out, costs=False)
    assert again.outcome.claim_holds


def test_a_fault_is_found_shrunk_and_kept(tmp_path: Path) -> None:
    """Of reboots at odd moments one at a round moment is left; the next search of this cell begins with it."""
    told: list[object] = []
    strategy = "options-25s-drop-reconnect"
    result = lab.explore(
        SCENARIO,
        strategy=strategy,
        faults=["reboot"],
        timelines=3,
        out=tmp_path / "runs",
        into=tmp_path / "found",
        on_finding=told.append,
    )
    assert sorted(map(id, told)) == sorted(map(id, result.findings))
    assert result.findings
    for finding in result.findings:
        (fault,) = finding.timeline.faults
        assert fault.at.offset % 5 == 0
        assert finding.breach.cause in ("middlebox-lost-table", "middlebox-new-address")
        assert Path(finding.file).parent == tmp_path / "found"
    (start,) = starts(lab.load(SCENARIO), strategy)
    assert {each.digest for each in KeptTimelines([start.cell]).load()} == {
        finding.timeline.digest for finding in result.findings
    }
