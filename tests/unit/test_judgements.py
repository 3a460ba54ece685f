"""What a record shows is kept, and read again only where cell, record and judge are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.engine import cell_run
from lab.engine.cache import judgements, store, values
from lab.engine.cache.sources import NOT_JUDGING, Sources
from lab.engine.cell_run import CellRun
from lab.errors import ScenarioError
from lab.model.outcome import Outcome
from lab.model.scenario import Claim
from lab.model.verdict import Verdict
from lab.record import codec
from lab.record.events import VERSION, RecordBegan
from lab.record.evidence import Evidence
from lab.record.writer import FILE_NAME, RUNNER
from lab.runner import cell_file
from tests.records import END, cell, flow_set_up, forgot, judged, numbered, probe, say, sentinel

BEGAN = say(-1.0, RUNNER, RecordBegan(version=VERSION))
PASSES = (BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=True), END)
FAILS = (BEGAN, *flow_set_up(), *sentinel("delivered"), *probe(1, 100.0, answered=False), END)


@pytest.fixture
def readings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """The records that were read; judgements are kept in a folder of the test's own."""
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(judgements, "_SETTLED_NS", -(10**18))  # sources may be new, and this process is long-lived
    judging = judgements._judging
    judging.cache_clear()
    read: list[Path] = []

    class Counted(Evidence):
        def __init__(self, cell: object, entries: object) -> None:
            read.append(Path())
            super().__init__(cell, entries)  # type: ignore[arg-type]  # passed on

    monkeypatch.setattr(cell_run, "Evidence", Counted)
    yield read
    judging.cache_clear()


def write(folder: Path, *lines: object, **fields: object) -> None:
    """Leave a cell and its record."""
    folder.mkdir(parents=True, exist_ok=True)
    cell_file.write(folder, replace(cell(), **fields))  # type: ignore[arg-type]  # fields of a cell
    text = "".join(codec.to_line(each.t, each.who, each.event).decode() for each in numbered(*lines))  # type: ignore[arg-type]
    (folder / FILE_NAME).write_text(text, encoding="utf-8")


def test_a_record_is_judged_once(tmp_path: Path, readings: list[Path]) -> None:
    """Then its outcome, its weakest moments and whether it ended are known; and they are the same."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES)
    first = CellRun.open(folder)
    seen = first.outcome, first.weakest(3), first.ran
    assert len(readings) == 1
    second = CellRun.open(folder)
    assert (second.outcome, second.weakest(3), second.ran) == seen
    assert repr(second.outcome) == repr(seen[0])
    assert len(readings) == 1


def test_another_count_is_another_question(tmp_path: Path, readings: list[Path]) -> None:
    """So many weakest moments say nothing of more of them."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES, forgot(60.0))
    twice = CellRun.open(folder)
    assert twice.weakest(3) == twice.weakest(3)
    readings.clear()
    for count, times in ((1, 1), (2, 2), (1, 2), (2, 2)):
        assert len(CellRun.open(folder).weakest(count)) <= count
        assert len(readings) == times


def test_a_changed_record_is_judged_anew(tmp_path: Path, readings: list[Path]) -> None:
    """The run folder alone says what happened."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES)
    assert CellRun.open(folder).verdict is Verdict.PASS
    write(folder, *FAILS)
    assert CellRun.open(folder).verdict is Verdict.FAIL
    (folder / FILE_NAME).write_text("damaged\n")
    assert isinstance(CellRun.open(folder).result, ScenarioError)
    (folder / FILE_NAME).unlink()
    assert CellRun.open(folder).verdict is Verdict.INCONCLUSIVE
    write(folder, *PASSES)
    assert CellRun.open(folder).verdict is Verdict.PASS


def test_a_changed_cell_is_judged_anew(tmp_path: Path, readings: list[Path]) -> None:
    """What the judge alone reads counts as well: here the claim."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES)
    assert CellRun.open(folder).outcome.claim_holds is None
    write(folder, *PASSES, claim=Claim(verdict=Verdict.FAIL))
    assert CellRun.open(folder).outcome.claim_holds is False


def test_another_judge_judges_anew(tmp_path: Path, readings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """One of other sources; nor is anything kept of one whose sources have just been changed."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES)
    _ = CellRun.open(folder).outcome
    sources = Sources(NOT_JUDGING)
    sources.digest = "0" * 16
    monkeypatch.setattr(judgements, "_judging", lambda: sources)
    for times in (2, 2):
        _ = CellRun.open(folder).outcome
        assert len(readings) == times
    monkeypatch.setattr(judgements, "_judging", lambda: None)
    for times in (3, 4):
        _ = CellRun.open(folder).outcome
        assert len(readings) == times


def test_new_sources_are_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may have imported what was there before."""
    newest = Sources(NOT_JUDGING).newest_ns
    for imported_ns, believed in ((newest + 11 * 10**9, True), (newest + 9 * 10**9, False), (newest - 1, False)):
        judgements._judging.cache_clear()
        monkeypatch.setattr(judgements, "_IMPORTED_NS", imported_ns)
        assert (judgements._judging() is not None) is believed
    judgements._judging.cache_clear()


def test_a_damaged_judgement(tmp_path: Path, readings: list[Path]) -> None:
    """It is as if there were none."""
    folder = tmp_path / "run" / "cells" / "one"
    write(folder, *PASSES)
    seen = CellRun.open(folder).outcome
    (entry,) = store.entries(tmp_path / "cache")
    assert entry.kind == store.JUDGEMENTS
    entries = store.Store(tmp_path / "cache", store.JUDGEMENTS, entry.sources)
    for data in (b"", b"[]", b"{", b'{"alone": {"()": "Outcome"}}', b'{"alone": {"()": "Nobody"}}'):
        entries.write(entry.path.name, data)
        assert CellRun.open(folder).outcome == seen


def test_values_come_back_exactly() -> None:
    """Outcomes with all that may be in them; whole numbers stay whole."""
    gone = (BEGAN, *flow_set_up(), *sentinel("silent"), forgot(60.0), *probe(1, 100.0, answered=False), END)
    for lines in (PASSES, FAILS, gone, ()):
        outcome = judged(cell(timeout=60.0), *lines)
        back = values.from_json(json.loads(json.dumps(values.to_json(outcome))))
        assert isinstance(back, Outcome)
        assert repr(back) == repr(outcome)
        assert back == outcome
    assert repr(values.from_json(values.to_json((1, 1.0, None, True, Verdict.PASS, "x")))) == repr(
        (1, 1.0, None, True, Verdict.PASS, "x")
    )


@pytest.mark.parametrize("data", [{}, {"()": "Nobody"}, {"()": "Outcome"}, {"()": "Verdict", "value": "perhaps"}])
def test_what_is_no_value(data: object) -> None:
    """It is refused."""
    with pytest.raises(ValueError, match=r".+"):
        values.from_json(data)
