"""Sums a run up in a sentence, for the terminal and for the formats."""

from __future__ import annotations

from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.report.grid import Result
from lab.units import counted


def summary(results: list[Result]) -> str:
    """Say how many cells came out how, and how many claims hold."""
    outcomes = [result for _, result in results if isinstance(result, Outcome)]
    counts = [(sum(each.verdict is verdict for each in outcomes), verdict.value) for verdict in Verdict]
    counts.append((len(results) - len(outcomes), "error"))
    told = ", ".join(f"{number} {word}" for number, word in counts if number)
    held = [each.claim_holds for each in outcomes if each.claim_holds is not None]
    claims = f"; {held.count(True)} of {counted(len(held), 'claim')} hold" if held else ""
    cached = from_cache(results)
    kept = f" ({cached:,} from the cache)" if cached else ""
    return f"{counted(len(results), 'cell')}{kept}: {told}{claims}"


def from_cache(results: list[Result]) -> int:
    """Return how many cells have a record from the cache."""
    return sum(1 for _, result in results if isinstance(result, Outcome) and result.from_cache)
