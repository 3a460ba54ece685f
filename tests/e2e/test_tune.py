"""``lab tune``: known limits come out, each with the two cells that prove it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.tuning.bisection import Ending
from tests.e2e.lab_command import run

pytestmark = [pytest.mark.e2e, pytest.mark.virtual, pytest.mark.timeout(300)]

TUNE = Path(__file__).with_name("tune.yaml")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The run folder, tune.json, and what was printed, of OPTIONS without a hold and CRLF with one."""
    home = tmp_path_factory.mktemp("tune")
    done = run("tune", TUNE, "--strategy", "options-ping", "--strategy", "crlf-30s-hold", "--vary",
               "interval=20s..2min", "--out", home / "runs", "--json", home=home)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout), done.stderr


@pytest.mark.xdist_group("tune")
def test_known_limits(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """pjsip's idle timer ends an idle connection after 33 s, the middlebox after 60 s, a lifetime in any case."""
    home, told, _ = tuned
    answers = {each["name"]: each for each in told["answers"]}
    ping, crlf = answers["options-ping,silent-60s"], answers["crlf-30s-hold,silent-60s"]
    assert (ping["ending"], ping["safe_s"], ping["cause"]["kind"]) == ("between", pytest.approx(33, abs=1),
                                                                       "client-idle-timer")  # fmt: skip
    assert (crlf["ending"], crlf["safe_s"]) == ("between", pytest.approx(59, abs=1))
    assert "home-nat" in crlf["cause"]["text"]  # it forgot, in a trial or only in the silent hour
    for name in ("options-ping,old", "crlf-30s-hold,old"):
        assert (answers[name]["ending"], answers[name]["safe_s"]) == ("none", None)
        assert answers[name]["costs"] is None
    for each in (ping, crlf):
        assert each["fails_s"] - each["safe_s"] == 1
        assert each["costs"]["observed_s"] == pytest.approx(3600, abs=2)
        assert each["costs"]["packets_per_hour"] > 60
    assert ping["costs"]["packets_per_hour"] > crlf["costs"]["packets_per_hour"]
    assert json.loads((home / "runs" / "latest" / "tune.json").read_text()) == told


@pytest.mark.xdist_group("tune")
def test_the_proof(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """The longest that passes and the shortest that fails are cells of the run, which `lab why` explains."""
    home, told, _ = tuned
    opened = lab.open_run(home / "runs" / "latest")
    for each in told["answers"]:
        if each["passing_cell"]:
            passing = opened[each["passing_cell"]]
            assert passing.verdict is lab.Verdict.PASS
            assert passing.outcome.tried
        # what passed two intervals may fail in the silent hour: that is another cell, which passes by itself
        trials = [trial for trial in each["trials"] if not trial["cell"].endswith(",costs")]
        assert {trial["cell"]: opened[trial["cell"]].verdict.value for trial in trials} == {
            trial["cell"]: trial["verdict"] for trial in trials
        }
        assert each["failing_cell"] in [trial["cell"] for trial in each["trials"] if trial["verdict"] == "fail"]
    crlf = next(each for each in told["answers"] if each["name"] == "crlf-30s-hold,silent-60s")
    longest = crlf["trials"][-1]["cell"]
    why = run("why", longest, "--run", home / "runs" / "latest", home=home)
    assert "middlebox home-nat forgot the flow at" in why.stdout


@pytest.mark.xdist_group("tune")
def test_what_is_printed(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """A bar and a value for each combination, and the one number with what bounds it."""
    _, told, printed = tuned
    safe = {each["strategy"]: each["value_s"] for each in told["choices"]}
    number = f"if you must choose one number: {safe['crlf-30s-hold']:g} s (bound by crlf-30s-hold,silent-60s: "
    assert number in printed
    assert "survives 1 of 2" in printed
    assert "no value is safe for crlf-30s-hold,old" in printed
    assert "none from 20 s on" in printed
    assert "█" in printed


def test_from_python(tmp_path: Path) -> None:
    """Two parameters: the first keeps its safe value while the second is searched for."""
    two = {"name": "two", "mitigations": ["hold-transport", {"options-ping": {"interval": "30 s"}},
                                          {"crlf-keepalive": {"interval": "60 s"}}]}  # fmt: skip
    scenario = lab.build(
        {"title": "t", "topology": "home-nat", "middlebox": "silent-60s", "matrix": {"strategy": [two]},
         "probes": [{"at": "40 s"}], "ends": "46 s"},
        folder=TUNE.parents[2],
    )  # fmt: skip
    tuning = lab.tune(
        scenario,
        vary={"crlf-keepalive.interval": "50s..70s", "options-ping.interval": "40s..80s"},
        resolution="10s",
        out=tmp_path,
    )
    crlf, options = tuning.answers
    assert crlf.found is not None
    assert crlf.found.ending is Ending.ALL_PASS  # OPTIONS every 30 s keep the connection
    assert [(each.name, each.value_s) for each in options.fixed] == [("crlf-keepalive.interval", 70.0)]
    assert options.safe is not None
    assert 50 <= options.safe.value_s < 60
    assert options.safe.cell == f"two,crlf-keepalive.interval-70s,options-ping.interval-{options.safe.value_s:g}s"
