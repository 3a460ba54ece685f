"""``lab tune``: known limits come out, each with the two cells that prove it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import lab
from lab.tuning.bisection import Ending
from tests.e2e.lab_command import run

pytestmark = [pytest.mark.e2e, pytest.mark.virtual, pytest.mark.timeout(600)]

TUNE = Path(__file__).with_name("tune.yaml")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """The home, tune.json and what was printed, of CRLF on a connection that is held."""
    home = tmp_path_factory.mktemp("tune")
    done = run("tune", TUNE, "--vary", "interval=20s..2min", "--out", home / "runs", "--json", home=home)
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout), done.stderr


@pytest.mark.xdist_group("tune")
def test_known_limits(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """The middlebox forgets after 60 s; where mappings have a lifetime no interval is safe."""
    home, told, _ = tuned
    forgets, old = told["answers"]
    assert (forgets["name"], old["name"]) == ("crlf-30s-hold,silent-60s", "crlf-30s-hold,old")
    assert (forgets["ending"], forgets["safe_s"]) == ("between", pytest.approx(59, abs=1))
    assert forgets["fails_s"] - forgets["safe_s"] == 1
    assert "home-nat" in forgets["cause"]["text"]  # it forgot, in a trial or only in the silent hour
    assert (old["ending"], old["safe_s"], old["costs"]) == ("none", None, None)
    assert (old["cause"]["kind"], old["cause"]["at_s"]) == ("middlebox-forgot-flow", pytest.approx(100, abs=2))
    assert forgets["costs"]["observed_s"] == pytest.approx(3600, abs=2)
    assert forgets["costs"]["packets_per_hour"] > 2 * 3600 / forgets["fails_s"]  # a ping and its answer, at least
    assert json.loads((home / "runs" / "latest" / "tune.json").read_text()) == told


@pytest.mark.xdist_group("tune")
def test_the_proof(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """The longest that passes and the shortest that fails are cells of the run, which `lab why` explains."""
    home, told, _ = tuned
    opened = lab.open_run(home / "runs" / "latest")
    for each in told["answers"]:
        # what passed two intervals may fail in the silent hour: that is another cell, which passes by itself
        trials = [trial for trial in each["trials"] if not trial["cell"].endswith(",costs")]
        assert {trial["cell"]: opened[trial["cell"]].verdict.value for trial in trials} == {
            trial["cell"]: trial["verdict"] for trial in trials
        }
        assert each["failing_cell"] in [trial["cell"] for trial in each["trials"] if trial["verdict"] == "fail"]
    forgets = told["answers"][0]
    passing = opened[forgets["passing_cell"]]
    assert passing.verdict is lab.Verdict.PASS
    assert passing.outcome.tried
    longest = forgets["trials"][-1]["cell"]
    why = run("why", longest, "--run", home / "runs" / "latest", home=home)
    assert "middlebox home-nat forgot the flow at" in why.stdout


@pytest.mark.xdist_group("tune")
def test_what_is_printed(tuned: tuple[Path, dict[str, Any], str]) -> None:
    """A bar and a value for each combination, and the one number with what bounds it."""
    _, told, printed = tuned
    (chosen,) = told["choices"]
    number = f"if you must choose one number: {chosen['value_s']:g} s (bound by crlf-30s-hold,silent-60s: "
    assert number in printed
    assert "survives 1 of 2" in printed
    assert "no value is safe for crlf-30s-hold,old" in printed
    assert "none from 20 s on" in printed
    assert "█" in printed


def test_from_python(tmp_path: Path) -> None:
    """Two parameters: the first keeps its safe value while the second is searched for.

    Nobody holds the connection, so pjsip's idle timer ends it 33 s after the last request.
    """
    pings = [{"options-ping": {"interval": "10 s"}}, {"crlf-keepalive": {"interval": "60 s"}}]
    content = {
        "title": "t",
        "topology": "home-nat",
        "middlebox": "silent-60s",
        "strategy": {"name": "both", "mitigations": pings},
        "probes": [{"at": "40 s"}],
        "ends": "46 s",
    }
    scenario = lab.build(content, folder=TUNE.parents[2])
    vary = {"options-ping.interval": "30s..40s", "crlf-keepalive.interval": "50s..70s"}
    options, crlf = lab.tune(scenario, vary=vary, resolution="2s", out=tmp_path).answers
    assert options.safe is not None
    assert options.found is not None
    assert options.found.fails is not None
    assert 30 <= options.safe.value_s <= 33 < options.found.fails.value_s + 1
    # two timers race at the limit: the value that fails may have done so in its silent hour only, which has no cause
    assert options.found.fails.kind == "client-idle-timer" or "connection ended" in options.found.fails.text
    assert [(each.name, each.value_s) for each in crlf.fixed] == [("options-ping.interval", options.safe.value_s)]
    assert crlf.found is not None
    assert crlf.found.ending is Ending.ALL_PASS  # OPTIONS keep the connection
    assert (
        crlf.found.trials[-1].cell
        == f"both,options-ping.interval-{options.safe.value_s:g}s,crlf-keepalive.interval-70s"
    )
