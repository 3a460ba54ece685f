"""Writes ``report.md``, the results as GitHub-flavoured Markdown: for a ticket, a pull request, or a job summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab import __version__
from lab.engine.run import Run
from lab.errors import LabError
from lab.markdown_text import code, code_element, code_in_table, size
from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.report.device_figures import COLUMNS, MEANING, has_device, texts
from lab.report.explanation import explain
from lab.report.formats.report_json import warnings
from lab.report.grid import SIGNS, Grid, Result, RowSum, grid, row_axis
from lab.report.summary import summary
from lab.units import counted

FILE = "report.md"

MOST_BYTES = 60_000
"""GitHub refuses a comment of more than 65,536 characters; some room is left for what is written around it."""

MOST_COLUMNS = 40
"""Columns of a matrix; a wider run has a row for each cell instead."""

_ERROR, _BROKEN = "E", "!"


def render(run: Run) -> str:
    """Return the text: summary, table, and why cells did not pass, folded; what there is no room for is counted."""
    results = run.results
    head = [f"## {code(run.scenario.title or run.scenario.name)}", "", _summary(run), ""]
    notes = [f"- note: {code(warning)}" for warning in warnings(results)]
    table = grid(results)
    matrix = [] if table is None or len(table.columns) > MOST_COLUMNS else list(_matrix(results, table))
    if not matrix or size(matrix) > MOST_BYTES // 2:
        matrix = list(_rows(results))
    room = MOST_BYTES - size(head) - size(notes) - 2000
    shown = _as_fits(matrix, room)
    if has_device(results):
        shown += ["", *_as_fits(list(_device_rows(results)), room - size(shown))]
    lines = [*head, *shown, "", *notes, *([""] if notes else [])]
    return "\n".join([*lines, *_details(results, MOST_BYTES - size(lines))])


def _summary(run: Run) -> str:
    cut = " **Interrupted**: this is what was seen." if not run.finished else ""
    return f"{summary(run.results)}.{cut} ({run.clock} time, {run.backend}, lab {__version__})"


def _matrix(results: Sequence[Result], table: Grid) -> Iterator[str]:
    """Yield a table of strategies against everything else."""
    down = row_axis(results[0][0])
    columns = [code_in_table(column) if column else "verdict" for column in table.columns]
    sums = ["passed", "longest outage", "packets/h", "wake-ups/h", "bytes/h"]
    yield f"| {' | '.join([code_in_table(down), *columns, *sums])} |"
    yield f"|---|{':-:|' * len(columns)}{'---:|' * len(sums)}"
    for row in table.rows:
        places = (table.places.get((row, column)) for column in table.columns)
        signs = ["" if place is None else _sign(results[place][1]) for place in places]
        yield f"| {' | '.join([code_in_table(row), *signs, *_sums(table.sums.get(row))])} |"
    yield ""
    yield (
        " · ".join(f"{SIGNS[verdict]} {verdict.value}" for verdict in Verdict) + f" · {_BROKEN} the claim does not hold"
    )


def _sums(row: RowSum | None) -> list[str]:
    if row is None:
        return [""] * 5
    costs = (row.packets, row.wakeups, row.bytes)
    return [f"{row.passed}/{row.judged}", row.outage, *map(row.cost, costs)]


def _rows(results: Sequence[Result]) -> Iterator[str]:
    """Yield a row for each cell."""
    yield "| cell | verdict | cause |"
    yield "|---|:-:|---|"
    for cell, result in results:
        why = ""
        if isinstance(result, Outcome):
            why = result.doubt or ("" if result.cause is None else result.cause.text)
        yield f"| {code_in_table(cell.name)} | {_sign(result)} | {code_in_table(why) if why else ''} |"


def _device_rows(results: Sequence[Result]) -> Iterator[str]:
    """Yield a row for each cell, with what its device did."""
    yield f"| {' | '.join(['cell', '', *(column.title for column in COLUMNS)])} |"
    yield f"|---|:-:|{'---:|' * len(COLUMNS)}"
    for cell, result in results:
        yield f"| {' | '.join([code_in_table(cell.name), _sign(result), *texts(result)])} |"
    yield ""
    yield MEANING


def _sign(result: Outcome | LabError) -> str:
    if isinstance(result, LabError):
        return _ERROR
    return SIGNS[result.verdict] + (_BROKEN if result.claim_holds is False else "")


def _details(results: Sequence[Result], room: int) -> list[str]:
    """Return why cells did not pass, broken claims first, as far as there is room."""
    told = [(cell, result) for cell, result in results if _matters(result)]
    told.sort(key=lambda each: isinstance(each[1], Outcome) and each[1].claim_holds is not False)
    lines: list[str] = []
    for number, (cell, result) in enumerate(told):
        text = [str(result)] if isinstance(result, LabError) else explain(cell, result)[1:]
        word = "error" if isinstance(result, LabError) else result.verdict.value
        broken = isinstance(result, Outcome) and result.claim_holds is False
        claim = [f"- **claim**: {code(result.claim_text)}"] if broken and isinstance(result, Outcome) else []
        head = f"<details><summary>{code_element(cell.name)}: {word}</summary>"
        part = [head, "", *claim, *(f"- {code(line.strip())}" for line in text), "", "</details>", ""]
        if size(lines) + size(part) > room - 200:
            return [*lines, f"and {counted(len(told) - number, 'more cell')}, for which there is no room here", ""]
        lines += part
    return lines


def _matters(result: Outcome | LabError) -> bool:
    if isinstance(result, LabError) or result.claim_holds is False:
        return True
    return result.verdict in (Verdict.FAIL, Verdict.INCONCLUSIVE)


def _as_fits(lines: list[str], room: int) -> list[str]:
    """Return the lines there is room for, and a sentence if some are left out."""
    shown, hidden = _fitting(lines, room)
    return [*shown, "", f"and {counted(hidden, 'more row')}, for which there is no room here"] if hidden else shown


def _fitting(lines: list[str], room: int) -> tuple[list[str], int]:
    """Return as many lines as there is room for, and how many are left out."""
    for number in range(len(lines)):
        if size(lines[: number + 1]) > room:
            return lines[:number], len(lines) - number
    return lines, 0
