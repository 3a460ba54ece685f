"""Prints a tuning: a bar for each combination on a logarithmic scale, and the one number for all of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from lab.model.scenario import Scenario
from lab.report import terminal
from lab.tuning.answer import Answer, Choice, Larger, Tuning, choice, groups
from lab.tuning.bisection import Ending
from lab.tuning.scale import Scale
from lab.units import counted

BAR = 24
"""Columns of a bar."""
GAP = "  "
MOST_LARGER = 8
"""Larger numbers that are listed; tune.json has all."""
MOST_NAMES = 3
"""Combinations that are named in a sentence."""
STYLES = {Ending.BETWEEN: "green", Ending.ALL_PASS: "green", Ending.NONE: "red", Ending.UNKNOWN: "yellow"}
COSTS = ("pkt/h", "wake/h")


def show(console: Console, scenario: Scenario, tuning: Tuning) -> None:
    """Print what was found."""
    console.print(Text(scenario.title, "italic"))
    for group in groups(tuning.answers):
        _group(console, group)
    console.print()


def _group(console: Console, group: Sequence[Answer]) -> None:
    """Print the answers about one parameter of a strategy."""
    searched = sorted((each for each in group if not each.left_out), key=_rank)
    console.print()
    first = group[0]
    title = f"{first.strategy}: the longest safe {first.parameter}, from {_time(first.scale.low)} to "
    console.print(Text(f"{title}{_time(first.scale.high)}", "bold"), soft_wrap=True)
    labels = [_label(each) for each in searched]
    columns = [_columns(each) for each in searched]
    heads = ("safe", "fails", *COSTS)
    widths = [max(len(row[number]) for row in (heads, *columns)) for number in range(len(heads))]
    width = max((len(label) for label in labels), default=0)
    head = _row("".ljust(width), Text(_axis(first.scale)), heads, widths, "why")
    if searched:
        console.print(head, soft_wrap=True, style="bold")
    for answer, label, row in zip(searched, labels, columns, strict=True):
        line = _row(label.ljust(width), _bar(answer), row, widths, answer.why)
        if console.is_terminal:
            line.truncate(console.width, overflow="ellipsis")
        console.print(line, soft_wrap=True)
        for note in _notes(answer):
            terminal.say(console, f"{' ' * width}{GAP}{note}", style="yellow")
    for reason, number in Counter(each.left_out for each in group if each.left_out).items():
        terminal.say(console, f"{counted(number, 'combination')} without a search: {reason}", style="dim")
    _choice(console, choice(group), first.parameter)


def _rank(answer: Answer) -> float:
    """Order answers: the shortest safe value first, so the binding one is at the top of those that have any."""
    return -1.0 if answer.safe is None else answer.safe.value_s


def _label(answer: Answer) -> str:
    labels = [label for axis, label in answer.start.axes if axis != "strategy"]
    fixed = [f"{each.name} {_time(each.value_s)}" for each in answer.fixed]
    return ", ".join([*labels, *fixed]) or answer.name


def _columns(answer: Answer) -> tuple[str, ...]:
    fails = None if answer.found is None else answer.found.fails
    costs = answer.costs
    figures = ("", "") if costs is None else (f"{costs.packets_per_hour:,.0f}", f"{costs.radio_wakeups_per_hour:,.0f}")
    return answer.words, "" if fails is None else _time(fails.value_s), *figures


def _row(label: str, bar: Text, cells: Sequence[str], widths: Sequence[int], why: str) -> Text:
    padded = [f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)]
    return Text.assemble(label, GAP, bar, GAP, GAP.join(padded), GAP, why)


def _axis(scale: Scale) -> str:
    """Return the line above the bars, which says where they begin and end."""
    low, high = _time(scale.low), _time(scale.high)
    return f"{low}{'─' * max(1, BAR - len(low) - len(high))}{high}"


def _bar(answer: Answer) -> Text:
    """Return a bar whose length is the logarithm of the safe value; at least one mark if there is one."""
    found = answer.found
    if found is None or answer.safe is None:
        mark = "error" if answer.error else "·" if found and found.ending is Ending.NONE else "?"
        return Text(mark.ljust(BAR), STYLES[found.ending] if found else "red")
    share = math.log(answer.safe.value_s / answer.scale.low) / math.log(answer.scale.high / answer.scale.low)
    return Text(("█" * max(1, round(share * BAR))).ljust(BAR), STYLES[found.ending])


def _notes(answer: Answer) -> Iterator[str]:
    """Yield what contradicts the simple answer."""
    found = answer.found
    if found is not None and found.pass_again and found.fails is not None:
        again = ", ".join(_time(each.value_s) for each in found.pass_again)
        yield f"! not monotone: fails at {_time(found.fails.value_s)}, passes again at {again}"
    if found is not None:
        yield from (f"? inconclusive at {_time(each.value_s)}: {each.text}" for each in found.unknown)
    if answer.costs is not None and answer.costs.lost is not None:
        yield f"! in the silent hour it was out of reach at {answer.costs.lost.at_s:.1f} s"


def _choice(console: Console, chosen: Choice, parameter: str) -> None:
    bound = chosen.bound_by
    if chosen.judged == 0:
        return
    if chosen.value_s is None or bound is None or bound.found is None or bound.safe is None:
        terminal.say(console, f"no {parameter} is safe in any of {counted(chosen.judged, 'combination')}", style="bold")
        return
    what = bound.name if bound.found.ending is Ending.BETWEEN else "the end of the range"
    why = f": {bound.why}" if bound.found.ending is Ending.BETWEEN else ""
    survives = f"survives {chosen.survives} of {chosen.judged}"
    number = _time(chosen.value_s)
    terminal.say(console, f"if you must choose one number: {number} (bound by {what}{why}), {survives}", style="bold")
    if chosen.lost:
        terminal.say(console, f"{GAP}no value is safe for {_some(chosen.lost)}")
    for larger in chosen.larger[:MOST_LARGER]:
        terminal.say(console, f"{GAP}{_larger(larger, chosen)}")
    if (more := len(chosen.larger) - MOST_LARGER) > 0:
        terminal.say(console, f"{GAP}and {counted(more, 'larger number')}: tune.json")
    passes, fails = bound.safe.cell, bound.found.fails
    shows = "" if fails is None else f", `lab why {fails.cell}` why the next does not"
    terminal.say(console, f"{GAP}`lab why {passes}` shows that {number} is safe there{shows}", style="dim")


def _larger(larger: Larger, chosen: Choice) -> str:
    return f"{_time(larger.value_s):>8} survives {larger.survives} of {chosen.judged}, loses {_some(larger.lost)}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return f"{' '.join(names[:MOST_NAMES])}{more}"


def _time(seconds: float) -> str:
    return f"{seconds:,.12g} s"
