"""The table at the end of a run: everything in it, in 120 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from lab.errors import LabError, LabFault
from lab.loader import catalog
from lab.model.outcome import Outcome
from lab.model.scenario import Cell, Claim, Scenario
from lab.model.verdict import Verdict
from lab.report import terminal
from tests.records import CLIENT, END, cell, flow_set_up, forgot, idle_timer, judged, on_lan, probe, sentinel

LONGEST = max(catalog.strategy_names(), key=len)
AXES = (("strategy", LONGEST), ("failure", "server-restart"))
PASSES = Claim(verdict=Verdict.PASS)


def row(*, claim: Claim | None = None, timeout: float | None = None, idle: bool = False) -> tuple[Cell, Outcome]:
    """A client that is closed by its idle timer, or forgotten by its middlebox, and sends two packets before."""
    subject = replace(cell(timeout=timeout, claim=claim), axes=AXES)
    lines = [*sentinel("delivered"), idle_timer()] if idle else [*sentinel("silent"), forgot()]
    traffic = [on_lan(20, CLIENT, 1000), on_lan(40, CLIENT, 1000)]
    return subject, judged(subject, *flow_set_up(), *lines, *traffic, *probe(1, 100, answered=False), END)


def printed(*rows: tuple[Cell, Outcome | LabError], width: int = terminal.WIDTH_OF_A_FILE) -> list[str]:
    console = Console(width=width, highlight=False, color_system=None, force_terminal=True)
    scenario = Scenario(
        name="s", file="", text="", title="A title", why="", source="", cells=tuple(cell for cell, _ in rows)
    )
    with console.capture() as captured:
        terminal.show(console, scenario, list(rows), as_list=True)
    return captured.get().splitlines()


def test_row_and_its_reason_in_120_columns() -> None:
    """The longest strategy of the catalog leaves no room beside it: the reason stands beneath its row."""
    title, head, rule, first, why, *_ = printed(row(timeout=60))
    assert title == "A title"
    assert head.split() == [
        "strategy",
        "failure",
        "verdict",
        "probes",
        "pkt/h",
        "bytes/h",
        "wake/h",
        "on",
        "s/h",
        "claim",
    ]
    assert first.split() == [LONGEST, "server-restart", "fail", "0/1", "~67", "~66,667", "~67", "~667", "none"]
    assert why.startswith(" " * terminal.BENEATH + "middlebox home-nat forgot the flow at 60.0 s")
    assert max(map(len, (title, head, rule, first, why))) <= 120


def test_reason_beside_its_row_where_there_is_room() -> None:
    """A wide terminal takes one line for each cell."""
    _, head, _, first, *rest = printed(row(idle=True), width=160)
    assert head.endswith("why")
    assert first.endswith("client idle timer closed the transport at 33.0 s")
    assert [line[:1] for line in rest] == ["~", ""]  # what the sign beside the costs means


@pytest.mark.parametrize("width", [120, 200])
def test_broken_claim_is_told_before_the_cause(width: int) -> None:
    """What differs from the claim comes first; a claim that holds says only that."""
    text = "\n".join(printed(row(idle=True, claim=PASSES), width=width))
    assert " breaks" in text
    assert "claimed pass, seen fail; client idle timer" in text


def test_cell_that_could_not_run() -> None:
    """An error takes the place of all columns."""
    subject, _ = row()
    lines = printed((subject, LabFault("the world froze", detail="nothing")))
    assert lines[3].split() == [LONGEST, "server-restart", "error"]
    assert lines[4].strip() == "the world froze: nothing"


def test_narrow_window_leaves_columns_out() -> None:
    """No line is longer than the window, the least important columns go first, and it is said which."""
    lines = printed(row(timeout=60), width=80)
    assert lines[1].split() == ["strategy", "failure", "verdict", "probes", "pkt/h", "claim"]
    assert max(map(len, lines)) <= 80
    said = " ".join(" ".join(lines).split())
    assert "left out, for want of room: on s/h, bytes/h, wake/h; the reports have all columns" in said


def test_what_never_ran_has_no_numbers() -> None:
    """A cell that cannot exist delivered nothing and cost nothing, which is not the same as zero."""
    subject, outcome = row()
    unsupported = replace(outcome, verdict=Verdict.UNSUPPORTED, doubt="UDP has no connections", cause=None)
    _, _, _, first, why, *rest = printed((subject, unsupported))
    assert first.split() == [LONGEST, "server-restart", "unsupported", *["-"] * 5, "none"]
    assert why.strip() == "UDP has no connections"
    assert rest == [""]  # no word about estimated costs


def test_a_cell_that_was_killed_before_it_fell_silent_has_no_costs() -> None:
    subject, outcome = row()
    nothing = replace(outcome.metrics, observed_s=0.0, packets_per_hour=0.0, measured=False)
    early = replace(outcome, verdict=Verdict.INCONCLUSIVE, doubt="the record ends at 0 s", cause=None, metrics=nothing)
    _, _, _, first, *_ = printed((subject, early))
    assert first.split()[4:8] == ["-"] * 4


def explained(*rows: tuple[Cell, Outcome | LabError], **how: bool) -> list[str]:
    console = Console(width=80, highlight=False, color_system=None, force_terminal=True)
    with console.capture() as captured:
        terminal.show_broken(console, list(rows), **how)
    return captured.get().splitlines()


def test_broken_claims_do_not_flood_the_window() -> None:
    """Some are explained, the rest is counted; asked for more, everything that did not pass is explained."""
    subject, outcome = row(idle=True, claim=PASSES)
    broken = [(replace(subject, name=f"broken-{number}"), outcome) for number in range(5)]
    failed = (replace(subject, name="as-claimed"), replace(outcome, claim_holds=True))
    heads = [line.partition(":")[0] for line in explained(*broken, failed) if line and not line.startswith(" ")]
    assert heads == ["broken-0", "broken-1", "broken-2", "2 more claims do not hold; `lab why CELL` tells why"]
    verbose = explained(*broken, failed, all_not_passed=True)
    heads = [line.partition(":")[0] for line in verbose if line and not line.startswith(" ")]
    assert heads == [*(f"broken-{number}" for number in range(5)), "as-claimed"]
    assert max(map(len, verbose)) <= 80
    assert explained(failed) == []


def test_sentences_are_continued_beneath_themselves() -> None:
    """On a terminal; a pipe gets each in one line."""
    sentence = "  " + "some words " * 10
    for terminal_, expected in ((True, ["  some", "    some"]), (False, ["  some"])):
        console = Console(width=80, highlight=False, color_system=None, force_terminal=terminal_)
        with console.capture() as captured:
            terminal.say(console, sentence)
        lines = captured.get().splitlines()
        assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected
