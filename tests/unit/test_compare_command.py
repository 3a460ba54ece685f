"""``lab compare``: what it reads, matches, prints and refuses."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from lab.cli.main import app
from lab.comparison.changes import Kind
from lab.comparison.gate import FAIL_ON
from lab.engine.run_folder import RunFolder
from lab.loader.load import load
from tests.reports import cell, document, fail, metrics


def write(path: Path, *cells: dict[str, Any], **other: Any) -> Path:
    path.write_text(json.dumps(document(*cells, **other)), "utf-8")
    return path


@pytest.fixture
def a(tmp_path: Path) -> Path:
    """Before: one cell fails, two pass."""
    return write(tmp_path / "a.json", fail(name="none"), cell("ours"), cell("theirs"))


def compared(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def problems(result: Result) -> str:
    """What `lab` prints: the runner leaves the error to us."""
    assert isinstance(result.exception, Exception), result.output
    assert getattr(result.exception, "exit_code", None) == 2
    return str(result.exception)


def test_no_difference(a: Path) -> None:
    ended = compared(a, a)
    assert ended.exit_code == 0
    assert "3 cells compared: 3 the same" in ended.stdout
    assert "no regression (verdict, outage, gone, inconclusive)" in ended.stdout


def test_a_regression(a: Path, tmp_path: Path) -> None:
    b = write(tmp_path / "b.json", cell("none"), fail(name="ours"), cell("theirs", metrics=metrics(200)))
    ended = compared(a, b)
    assert ended.exit_code == 1
    lines = [line.strip() for line in ended.stdout.splitlines()]
    assert "✗ pass → fail: client-idle-timer did it" in lines
    assert "✓ fail → pass" in lines
    assert "✗ packets/h 100 → 200 (+100 %)" in lines
    assert lines[-2:] == ["3 cells compared: 2 worse, 1 better", "1 cell fails the comparison: verdict 1"]
    assert lines.index("ours") < lines.index("theirs") < lines.index("better")
    assert compared(a, b, "--fail-on", "nothing").exit_code == 0
    assert "2 cells fail the comparison: verdict 1, cost 1" in compared(a, b, "--fail-on", "verdict,cost").stdout
    assert compared(b, b, "--fail-on", "nothing").stdout.splitlines()[-1] == "nothing can fail this comparison"


def test_the_usual_kinds_are_those_of_the_help() -> None:
    """The command has the default as words, because `lab --help` is quick."""
    shown = " ".join(compared("--help").stdout.split())
    assert f"[default: {','.join(kind.value for kind in Kind if kind in FAIL_ON)}]" in shown
    assert f"{', '.join(kind.value for kind in Kind)}; or nothing" in shown


def test_tolerances(a: Path, tmp_path: Path) -> None:
    """Each option moves its own limit."""
    changed = cell("ours", metrics=metrics(120, outages=[(1.0, 4.0)]))
    b = write(tmp_path / "b.json", fail(name="none"), changed, cell("theirs"))
    kinds = ("--fail-on", "outage,cost")
    assert "outage 1, cost 1" in compared(a, b, *kinds).stdout
    assert "comparison: outage 1\n" in compared(a, b, *kinds, "--tolerance", "8 %").stdout
    assert "comparison: cost 1\n" in compared(a, b, *kinds, "--tolerance-s", "3s").stdout
    assert compared(a, b, *kinds, "--tolerance-s", "3 s", "--tolerance", "8%").exit_code == 0


def test_two_labels_of_one_run(a: Path) -> None:
    """No other label of that axis is compared; one label can be compared with several."""
    ended = compared(a, a, "--map", "strategy=none:ours")
    assert "  none → ours\n" in ended.stdout
    assert "1 cell compared: 1 better" in ended.stdout
    ended = compared(a, a, "--map", "strategy=ours:none", "--map", "strategy=ours:theirs")
    assert "2 cells compared: 1 worse, 1 the same" in ended.stdout
    assert ended.exit_code == 1


def test_labels_of_two_axes(tmp_path: Path) -> None:
    """The other axes match as they are; what has no counterpart is gone or new, if its label is compared at all."""
    names = [("2.10", "tcp"), ("2.10", "tls"), ("2.15.1", "tcp"), ("2.15.1", "udp"), ("2.16", "udp")]
    run = write(tmp_path / "a.json", *(cell(f"{p},{t}", axes={"pjsip": p, "transport": t}) for p, t in names))
    ended = compared(run, run, "--map", "pjsip=2.10:2.15.1", "--json")
    seen = {each["name"]: [change["kind"] for change in each["changes"]] for each in json.loads(ended.stdout)["cells"]}
    assert seen == {"2.10 → 2.15.1,tcp": [], "2.10 → 2.15.1,tls": ["gone"], "2.15.1,udp": ["new"]}


def test_a_label_with_a_colon(tmp_path: Path) -> None:
    run = write(tmp_path / "a.json", cell("a:b"), cell("c"))
    assert "1 cell compared: 1 the same" in compared(run, run, "--map", "strategy=a:b:c").stdout
    assert "1 cell compared: 1 the same" in compared(run, run, "--map", "strategy=c:a:b").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--map", "none:ours"), "no pair of labels, got `none:ours`; expected AXIS=OLD:NEW"),
        (("--map", "strategy=none"), "no pair of labels, got `strategy=none`"),
        (("--map", "stratgy=none:ours"), "has no such axis, got `stratgy`; did you mean `strategy`?"),
        (("--map", "strategy=non:ours"), "has no such strategy, got `non`; did you mean `none`?"),
        (("--map", "strategy=none:our"), "has no such strategy, got `our`; did you mean `ours`?"),
        (("--tolerance", "5"), "--tolerance: not a quantity, got `5`; expected a number from 0 and a unit (%)"),
        (("--tolerance-s", "5 %"), "--tolerance-s: unknown unit `%`, got `5 %`; expected one of ms, s, min, h, d"),
        (("--fail-on", "csot"), "--fail-on: no kind of change, got `csot`; did you mean `cost`?"),
    ],
)
def test_wrong_options(a: Path, arguments: tuple[str, str], said: str) -> None:
    assert said in problems(compared(a, a, *arguments))


def test_all_problems_at_once(a: Path, tmp_path: Path) -> None:
    """Nothing hides behind another problem."""
    said = problems(compared(tmp_path / "none", a, "--fail-on", "x", "--tolerance", "y", "--tolerance-s", "z"))
    assert len(said.splitlines()) == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file or folder; use a run folder or a report.json"),
        ("no json", "not a report.json of the lab, got JSON is malformed"),
        ("[1]", "not a report.json of the lab, got no `format` and `cells` in it"),
        ('{"format": 1}', "not a report.json of the lab"),
        ("[" * 100_000, "not a report.json of the lab"),
        (json.dumps(document(cell(), format=2)), "format: of another format, got 2; expected 1, or the release"),
        (json.dumps(document(cell(verdict="maybe"))), "got Invalid enum value 'maybe' - at `$.cells[0].verdict`"),
        (json.dumps(document(cell(axes={"a": 1}))), "got Expected `str`, got `int` - at `$.cells[0].axes[...]`"),  # type: ignore[dict-item]  # wrong, that is the point
        (json.dumps(document(cell("x"), cell("x"))), "cells: two cells with the same labels, got x"),
        (json.dumps(document(fail(at_s=float("nan")))), "not a report.json of the lab"),
        (json.dumps(document(cell(metrics=metrics(-1)))), "got Expected `float` >= 0.0 - at `$.cells[0].metrics"),
        (json.dumps(document()), "no cell in common"),
    ],
)
def test_what_is_no_run(a: Path, tmp_path: Path, content: str | None, said: str) -> None:
    b = tmp_path / "b.json"
    if content is not None:
        b.write_text(content, "utf-8")
    assert said in problems(compared(a, b))


def test_folders_that_are_no_run(a: Path, tmp_path: Path) -> None:
    assert "not a run's folder; use the folder of a run" in problems(compared(a, tmp_path))
    folder = RunFolder.make(
        tmp_path / "runs", load(Path("article/idle-subscription")), {"clock": "virtual", "backend": "netns"}
    )
    assert compared(folder.path, folder.path).exit_code == 0  # it was killed before anything ran
    folder.finish({}, finished=True)
    assert problems(compared(folder.path, folder.path)).count("record.jsonl: not there, or empty") == 4
    os.mkfifo(tmp_path / "fifo")
    assert "not a file" in problems(compared(a, tmp_path / "fifo"))


def test_nothing_in_common(a: Path, tmp_path: Path) -> None:
    """The error says which axes each run has."""
    other = write(tmp_path / "b.json", *(cell(n, axes={"transport": n}) for n in ("udp", "tcp", "tls", "ws", "wss")))
    said = problems(compared(a, other))
    assert "b.json: no cell in common with" in said
    assert "a.json (strategy: none, ours, theirs), got transport: udp, tcp, tls, ws, … (5)" in said
    assert "--map AXIS=OLD:NEW" in said


def test_a_file_that_cannot_be_written(a: Path, tmp_path: Path) -> None:
    ended = compared(a, a, "--html", tmp_path / "no" / "x.html")
    assert getattr(ended.exception, "exit_code", None) == 3
    assert "no such file or directory; choose a file that can be written" in str(ended.exception)


def test_one_format_on_standard_output(a: Path, tmp_path: Path) -> None:
    """It is alone there; two are refused; the rest go to files."""
    page = tmp_path / "page.html"
    ended = compared(a, a, "--markdown", "-", "--html", page)
    assert ended.stdout.startswith("### ✅ no regression")
    assert "3 the same" in ended.stderr
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert compared(a, a, "--markdown", "-", "--json").exit_code == 2


def test_it_fits_a_narrow_terminal(a: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """80 columns, and colours."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    more = metrics(123_456, bytes=12_345_678, wakeups=1_234, radio=3_000)
    many = [cell(f"cell-{number:02}", metrics=metrics(50)) for number in range(12)]
    a = write(tmp_path / "a.json", cell("ours"), *many)
    b = write(tmp_path / "b.json", cell("ours", metrics=more), *({**each, "metrics": more} for each in many))
    ended = compared(a, b)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", ended.stdout)
    assert "\x1b[31m" in ended.stdout
    assert max(map(len, plain.splitlines())) <= 80
    assert "and 3 more cells" in plain


def test_a_shard_has_no_baseline(a: Path) -> None:
    """It lacks the cells of the other shards; what all together are is compared."""
    ended = CliRunner().invoke(app, ["run", "x.yaml", "--shard", "1/2", "--baseline", str(a)])
    assert ended.exit_code == 2
    assert "lab merge" in ended.output
