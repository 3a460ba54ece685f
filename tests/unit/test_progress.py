"""The view of a run that goes on: what fits the window, the busy cells first, and how long it may take."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from lab.model.scenario import Cell, ProbeKind
from lab.report.progress import Progress
from lab.report.verbosity import Verbosity
from tests.records import cell


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def console(*, width: int = 80, height: int = 30, terminal: bool = True) -> Console:
    return Console(
        file=io.StringIO(), width=width, height=height, color_system=None, force_terminal=terminal, highlight=False
    )


def progress(number: int, *, clock: str = "virtual", on: Console | None = None, **how: Verbosity) -> Progress:
    """The progress of so many cells, named 0, 1, 2 and so on, on a clock that stands at zero."""
    made = Progress(on or console(), clock=clock, now=Clock(), **how)
    made.expect({str(each): replace(cell(), name=f"strategy-{each},failure") for each in range(number)})
    return made


def shown(made: Progress) -> list[str]:
    with made._console.capture() as captured:
        made._console.print(made.view())
    return captured.get().splitlines()


def ends(made: Progress, *cells: int, status: int = 0) -> None:
    for each in cells:
        made.take({"cell": str(each), "ev": "ended", "status": status})


def moved(made: Progress, seconds: float) -> None:
    assert isinstance(made._now, Clock)
    made._now.s = seconds


def test_many_cells_on_a_small_window() -> None:
    """One line about all of them, the busy ones, the newest of the others, and how many wait; never more than fits."""
    made = progress(350)
    ends(made, *range(98))
    made.take({"cell": "98", "ev": "phase", "phase": "silent"})
    made.take({"cell": "98", "ev": "time", "t": 30.0})
    made.take({"cell": "99", "ev": "phase", "phase": "set-up"})
    ends(made, 100, status=1)
    moved(made, 60.0)
    lines = shown(made)
    assert lines[0] == "━━━━──────────── 99/350 cells, 99 a minute, about 3 min left"
    assert [line.split() for line in lines[1:4]] == [
        ["strategy-99,failure", "set-up"],
        ["strategy-98,failure", "silent", "80", "s"],
        ["strategy-100,failure", "did", "not", "finish"],
    ]
    assert lines[4].split() == ["strategy-97,failure", "done"]
    assert lines[-1] == "249 cells wait"
    assert len(lines) == 28
    assert max(map(len, lines)) <= 80


def test_few_cells_stay_where_they_are() -> None:
    """If all fit, none changes its line, so that the eye finds it again."""
    made = progress(3)
    ends(made, 1)
    made.take({"cell": "2", "ev": "phase", "phase": "silent"})
    assert [line.split()[:2] for line in shown(made)[1:]] == [
        ["strategy-0,failure", "waiting"],
        ["strategy-1,failure", "done"],
        ["strategy-2,failure", "silent"],
    ]


@pytest.mark.parametrize(("width", "height"), [(40, 10), (80, 24), (80, 5), (200, 60), (20, 3)])
def test_the_view_fits_every_window(width: int, height: int) -> None:
    """Nothing wraps and nothing scrolls, with the longest names there can be."""
    made = progress(0, on=console(width=width, height=height))
    made.expect({str(each): replace(cell(), name=f"{each:03}-" + "x" * 190) for each in range(100)})
    ends(made, *range(40))
    for each in range(40, 60):
        made.take({"cell": str(each), "ev": "error", "text": "first line\n" + "a long story " * 20})
    lines = shown(made)
    assert len(lines) <= max(1, height - 2)
    assert max(map(len, lines)) <= max(width, 8 + 2 + 24 + 2 + 8)


def test_twins_count_and_show_while_they_run() -> None:
    """They are part of the work that is left, and of the cells under way; those that are over take no line."""
    made = progress(2)
    ends(made, 0, 1)
    for name in ("t1", "t2"):
        made.take({"ev": "twin", "cell": name, "value": replace(cell(), name=f"twin-{name}")})
    made.take({"cell": "t1", "ev": "phase", "phase": "silent"})
    moved(made, 2.0)
    lines = shown(made)
    assert lines[0].endswith(" 2/2 cells, 0/2 twins, 60 a minute, about 2 s left")
    assert [line.split()[0] for line in lines[1:]] == ["strategy-0,failure", "strategy-1,failure", "twin-t1"]


def test_time_left_in_real_time_is_what_cells_need() -> None:
    """Nothing has ended yet, and it is known all the same: the longest cell, or all of them in turn."""
    made = progress(4, clock="real")
    assert shown(made)[0].endswith(" 0/4 cells")
    for each in (0, 1):
        made.take({"cell": str(each), "ev": "phase", "phase": "silent"})
    moved(made, 50.0)
    # two have 60 s left, two wait with 110 s each, two at a time
    assert shown(made)[0].endswith(" 0/4 cells, about 3 min left")


def test_where_the_output_is_no_terminal() -> None:
    """A line for each tenth of the work, not for each cell; what went wrong is said at once."""
    on = console(terminal=False)
    made = progress(200, on=on)
    moved(made, 10.0)
    ends(made, *range(50))
    ends(made, 50, status=1)
    ends(made, *range(51, 200))
    lines = on.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is a StringIO
    assert [line[:10] for line in lines if "%" in line] == [f"{each:3} % done" for each in range(10, 101, 10)]
    assert lines[3] == " 30 % done: 60/200 cells, 360 a minute, about 23 s left"
    assert [line for line in lines if "%" not in line] == ["strategy-50,failure: did not finish"]
    assert len(lines) == 11


def test_verbose_names_each_cell() -> None:
    """Its twins are not named."""
    on = console(terminal=False)
    made = progress(2, on=on, verbosity=Verbosity.VERBOSE)
    made.take({"ev": "twin", "cell": "t1", "value": cell()})
    ends(made, 1, 0)
    made.take({"cell": "t1", "ev": "ended", "status": 0})
    lines = on.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is a StringIO
    assert [line for line in lines if "%" not in line] == ["strategy-1,failure: done", "strategy-0,failure: done"]


@pytest.mark.parametrize(
    ("kind", "delivered", "doing"),
    [
        (ProbeKind.NOTIFY, True, "probe at 100 s answered"),
        (ProbeKind.NOTIFY, False, "probe at 100 s lost"),
        (ProbeKind.INVITE, True, "call at 100 s answered"),
        (ProbeKind.INVITE, False, "call at 100 s missed"),
    ],
)
def test_fate_of_a_probe(kind: ProbeKind, delivered: bool, doing: str) -> None:
    """While a run goes on, a call that nobody took was missed."""
    subject: Cell = cell()
    made = progress(0)
    made.expect({"c": replace(subject, probes=tuple(replace(one, kind_=kind) for one in subject.probes))})
    made.take({"cell": "c", "ev": "probe", "probe": "p1", "delivered": delivered, "t": 100.0})
    assert doing in shown(made)[1]
