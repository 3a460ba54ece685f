"""The answer of ``lab tune``: one number for all combinations, tune.json, and what is printed."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from lab.cli.tune_table import show
from lab.engine.run import Run
from lab.errors import LabFault
from lab.model.scenario import Scenario, Strategy
from lab.model.verdict import Verdict
from lab.tuning.answer import Answer, Tuning
from lab.tuning.bisection import Ending, Found
from lab.tuning.document import document
from lab.tuning.scale import Scale
from lab.tuning.trials import Trial
from tests.records import cell

SCALE = Scale(10, 1000)
SCENARIO = Scenario(name="s", file="s.yaml", text="", title="A title", why="", source="", cells=(cell(),))


def answer(name: str, ending: Ending, *trials: tuple[float, Verdict], **more: object) -> Answer:
    """An answer about OPTIONS in one network."""
    start = replace(
        cell(),
        name=f"options,{name}",
        axes=(("strategy", "options"), ("middlebox", name)),
        strategy=Strategy(name="options"),
    )
    tried = tuple(
        Trial(
            value_s=value,
            verdict=verdict,
            cell=f"options,{name},interval-{value:g}s",
            text=f"{verdict.value} {value:g}",
        )
        for value, verdict in trials
    )  # fmt: skip
    fails = next((each for each in tried if each.verdict is Verdict.FAIL), None)
    passes = [each for each in tried if each.verdict is Verdict.PASS]
    safe = max((each for each in passes if fails is None or each.value_s < fails.value_s), default=None,
               key=lambda each: each.value_s)  # fmt: skip
    found = Found(ending, tried, safe, fails)
    return replace(Answer(start=start, parameter="interval", scale=SCALE, found=found), **more)  # type: ignore[arg-type]


P, F, Q = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
ANSWERS = (
    answer("a", Ending.BETWEEN, (100, P), (101, F)),
    answer("b", Ending.BETWEEN, (30, P), (31, F), (45, P)),
    answer("c", Ending.ALL_PASS, (1000, P)),
    answer("d", Ending.NONE, (10, F)),
    answer("e", Ending.UNKNOWN, (60, P), (61, Q), (62, F)),
    answer("f", Ending.NONE, found=None, left_out="not on udp"),
    answer("g", Ending.NONE, found=None, error=LabFault("broken")),
)


def tuning(*answers: Answer) -> Tuning:
    run = Run(Path("run"), SCENARIO, "virtual", "netns", finished=True, cells=())
    return Tuning(run=run, answers=answers)


def test_one_number() -> None:
    """The shortest of the safe values; what has none is lost at any number; larger ones lose more."""
    (chosen,) = tuning(*ANSWERS).choices
    assert (chosen.value_s, chosen.bound_by) == (30, ANSWERS[1])
    assert (chosen.survives, chosen.judged, chosen.lost) == (4, 5, ("options,d",))
    assert [(each.value_s, each.survives, each.lost) for each in chosen.larger] == [
        (60, 3, ("options,b",)),
        (100, 2, ("options,e",)),
        (1000, 1, ("options,a",)),
    ]


def test_no_number() -> None:
    """Where nothing is safe there is none, and where nothing was searched for, nothing is said."""
    (chosen,) = tuning(ANSWERS[3]).choices
    assert (chosen.value_s, chosen.bound_by, chosen.survives, chosen.judged) == (None, None, 0, 1)
    assert "no interval is safe in any of 1 combination" in printed(ANSWERS[3])
    assert "choose" not in printed(ANSWERS[5])


def test_tune_json() -> None:
    """Each answer names the two cells that prove it."""
    told = document(SCENARIO, tuning(*ANSWERS))
    assert (told["format"], told["clock"], told["finished"]) == (1, "virtual", True)
    (chosen,) = told["choices"]
    assert (chosen["value_s"], chosen["bound_by"], chosen["survives"], chosen["of"]) == (30, "options,b", 4, 5)
    answers = {each["name"]: each for each in told["answers"]}
    a, b, d, e = (answers[f"options,{name}"] for name in "abde")
    assert (a["passing_cell"], a["failing_cell"]) == ("options,a,interval-100s", "options,a,interval-101s")
    assert (a["safe_s"], a["fails_s"], a["ending"], a["axes"]["middlebox"]) == (100, 101, "between", "a")
    assert b["pass_again"] == [45]
    assert (d["safe_s"], d["passing_cell"], d["failing_cell"]) == (None, None, "options,d,interval-10s")
    assert e["inconclusive"] == [61]
    assert answers["options,f"]["left_out"] == "not on udp"
    assert answers["options,g"]["error"] == {"side": "lab", "text": "broken"}
    assert [each["verdict"] for each in e["trials"]] == ["pass", "inconclusive", "fail"]


def printed(*answers: Answer) -> str:
    out = io.StringIO()
    show(Console(file=out, width=160), SCENARIO, tuning(*answers))
    return out.getvalue()


def test_the_picture() -> None:
    """Bars on a logarithmic scale, the binding one first; what contradicts the simple answer stands below its row."""
    text = printed(*ANSWERS)
    bars = {line.split()[0]: line.count("█") for line in text.splitlines() if line[:1] in "abcdeg" and "  " in line}
    assert (bars["c"], bars["a"], bars["d"], bars["g"]) == (24, 12, 0, 0)
    rows = [line[0] for line in text.splitlines() if line[:2] in ("a ", "b ", "c ", "d ", "e ", "g ")]
    assert rows == ["d", "g", "b", "e", "a", "c"]
    assert "none from 10 s on" in text
    assert ">= 1,000 s" in text
    assert ">= 60 s ?" in text
    assert "! not monotone: fails at 31 s, passes again at 45 s" in text
    assert "? inconclusive at 61 s: inconclusive 61" in text
    assert "1 combination without a search: not on udp" in text
    assert "if you must choose one number: 30 s (bound by options,b: fail 31), survives 4 of 5" in text
    assert "100 s survives 2 of 5, loses options,e" in text
    assert "`lab why options,b,interval-30s` shows that 30 s is safe there" in text
