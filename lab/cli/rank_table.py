"""Prints a ranking: the recommendation, and a table of all strategies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from lab.ranking.candidates import Candidate, Cost
from lab.ranking.ranking import Ranking
from lab.ranking.words import listed, percent, seconds
from lab.report import terminal
from lab.units import counted

GAP = "  "
LESS_IMPORTANT = ("pkt/h", "missed", "typical", "worst/h", "ring")
"""Columns that are left out, in this order, where a window is too narrow."""
CHOSEN, ON_FRONT, NOBODY = "ship", "yes", "-"
FIXED = frozenset(
    ("#", "strategy", "reach", "unknown", "worst", "typical", "missed", "ring", "pkt/h", "kB/h", "wake/h", "front")
)
"""Columns that are not of a single failure."""
TEXT_COLUMNS = ("strategy", "front")
"""Columns of words, which stand on the left of their column."""


def show(console: Console, title: str, ranking: Ranking) -> None:
    """Print a ranking: who the population is, the table, the recommendation and what else there is."""
    console.print(Text(title, "italic"))
    terminal.say(console, f"population: {_population(ranking)}")
    for line in table(ranking, console.width):
        console.print(line, soft_wrap=True)
    for note in _notes(ranking):
        terminal.say(console, note, style="dim")
    console.print()
    advice = ranking.recommendation
    terminal.say(console, advice.reason, style="bold green" if advice.chosen else "bold red")
    terminal.say(console, f"  rule: {advice.rule}")
    for other in advice.others:
        terminal.say(console, f"  also on the front: {other}")
    console.print()


def table(ranking: Ranking, width: int) -> Iterator[Text]:
    """Yield the lines of the table, those that reach most first."""
    numbers = {each.name: number for number, each in enumerate(ranking.candidates, start=1)}
    doubted = any(each.unknown for each in ranking.candidates)
    rows = [_row(each, ranking, numbers, doubted=doubted) for each in ranking.candidates]
    heads = _heads(ranking, doubted=doubted)
    kept = _kept(heads, rows, width)
    widths = {head: max(len(head), *(len(row[head]) for row in rows)) for head in kept}
    yield Text(_line({head: head for head in kept}, widths), "bold")
    yield Text("─" * (sum(widths.values()) + len(GAP) * (len(widths) - 1)))
    for each, row in zip(ranking.candidates, rows, strict=True):
        yield Text(_line(row, widths), _style(each, ranking))


def _heads(ranking: Ranking, *, doubted: bool) -> list[str]:
    failures = [name for name, _ in ranking.candidates[0].by_failure if name] if ranking.candidates else []
    some = failures if len(failures) > 1 else []
    unknown = ["unknown"] if doubted else []
    ring = ["ring"] if any(each.ringing_s is not None for each in ranking.candidates) else []
    return [
        *("#", "strategy", "reach", *unknown, *some, "worst", "typical", "missed", *ring),
        *("pkt/h", "kB/h", "wake/h", "front"),
    ]


def _row(each: Candidate, ranking: Ranking, numbers: dict[str, int], *, doubted: bool) -> dict[str, str]:
    lost = "*" if each.lost_in_silence else ""
    sign = "" if each.measured else "~"
    unknown = {"unknown": percent(each.unknown) if each.unknown else ""} if doubted else {}
    return {
        "#": str(numbers[each.name]),
        "strategy": each.name,
        "reach": percent(each.share),
        **unknown,
        **{name: percent(share) for name, share in each.by_failure},
        "worst": _outage(each.worst_outage_s),
        "typical": _outage(each.typical_outage_s),
        "missed": "?" if each.missed is None else f"{each.missed:.0f} %",
        "ring": _ring(each.ringing_s),
        "pkt/h": _cost(each.packets, sign, lost),
        "kB/h": _cost(each.bytes, sign, lost, unit=1000),
        "wake/h": _cost(each.wakeups, sign, lost),
        "front": _front(each, ranking, numbers),
    }


def _outage(value: float | None) -> str:
    if value is None:
        return "?"
    return "end" if math.isinf(value) else seconds(value)


def _ring(value: float | None) -> str:
    if value is None:
        return ""
    return "missed" if math.isinf(value) else f"{value:,.1f} s"


def _cost(cost: Cost | None, sign: str, lost: str, *, unit: int = 1) -> str:
    return "?" if cost is None else f"{sign}{cost.mean / unit:,.0f}{lost}"


def _front(each: Candidate, ranking: Ranking, numbers: dict[str, int]) -> str:
    if ranking.recommendation.chosen is each:
        return CHOSEN
    if each in ranking.front:
        return ON_FRONT
    by = ranking.dominated_by.get(each.name)
    return NOBODY if by is None else f"by {numbers[by]}"


def _style(each: Candidate, ranking: Ranking) -> str:
    if ranking.recommendation.chosen is each:
        return "bold green"
    return "" if each in ranking.front else "dim"


def _kept(heads: Sequence[str], rows: Sequence[dict[str, str]], width: int) -> list[str]:
    """Return the columns for which there is room; first those of single failures go, the last first."""
    wide = {head: max(len(head), *(len(row[head]) for row in rows)) + len(GAP) for head in heads}
    failures = [head for head in heads if head not in FIXED]
    kept = list(heads)
    for head in (*reversed(failures), *LESS_IMPORTANT):
        if sum(wide[each] for each in kept) - len(GAP) <= width:
            break
        if head in kept:
            kept.remove(head)
    return kept


def _line(row: dict[str, str], widths: dict[str, int]) -> str:
    parts = [
        f"{row[head]:{width}}" if head in TEXT_COLUMNS else f"{row[head]:>{width}}" for head, width in widths.items()
    ]
    return GAP.join(parts).rstrip()


def _population(ranking: Ranking) -> str:
    shares = dict(ranking.population)
    if len(shares) > 1 and len(set(shares.values())) == 1:
        return f"{counted(len(shares), 'middlebox', 'middleboxes')}, {percent(next(iter(shares.values())))} each"
    ordered = sorted(shares, key=lambda name: -shares[name])
    return listed([f"{name or 'the only network'} {percent(shares[name])}" for name in ordered])


def _notes(ranking: Ranking) -> Iterator[str]:
    """Yield what the columns mean, as far as they are there."""
    yield (
        "reach: passes every failure. worst, typical: longest time out of reach, weighted median of the middleboxes'"
        " longest; end: not back. Costs: weighted means of the silent hour"
    )
    yield (
        "front: ship (recommended), yes: no other strategy is as good in reach, worst, wake/h and kB/h and better in"
        " one; by N: row N is; -: reaches nobody"
    )
    if any(each.ringing_s is not None for each in ranking.candidates):
        yield "ring: longest time from INVITE to ringing; missed: a call was not accepted in time"
    if any(each.lost_in_silence for each in ranking.candidates):
        yield "* out of reach for some time of the silent hour behind some middlebox, so it cost less"
    if any(not each.measured for each in ranking.candidates):
        yield "~ estimated from the cells themselves; in virtual time costs are measured in a silent hour"
    for each in ranking.candidates:
        if each.doubt:
            yield f"unknown, {each.name}: {each.doubt}"
