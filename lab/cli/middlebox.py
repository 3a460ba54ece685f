"""``lab middlebox test``: whether the lab does what the profiles of the catalog say."""

from __future__ import annotations

import json as json_text
import sys
from itertools import count
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lab import ledger
from lab.cli.list import FILTERING, MAPPING
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, LabError, Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.middlebox.compare import NEXT_PORT
from lab.middlebox.measure_profiles import Result, measure_profiles
from lab.model.middlebox import FilteringBehavior, MappingBehavior, Middlebox
from lab.model.rules import kebab
from lab.report import terminal
from lab.units import counted
from lab.worlds import uml


def test_middleboxes(
    names: list[str], *, all_of_them: bool, against: str, outside: bool, clock: str, json: bool, memory_mb: int
) -> int:
    """Measure profiles in the lab and compare with what they, or another, say.

    Returns: 0 if all agree, 1 if some do not.

    Raises:
        ScenarioError: no such profile.
        HostNotCapable: virtual time was asked for and cannot be had here.
    """
    known = catalog.middlebox_names()
    wrong = [name for name in (*names, *([against] if against else [])) if name not in known]
    problems = [Problem("lab middlebox test", 0, "", "unknown middlebox", name, choice(name, known)) for name in wrong]
    if not names and not all_of_them:
        problems.append(Problem("lab middlebox test", 0, "", "nothing to test", allowed="names, or --all"))
    if problems:
        raise ScenarioError(problems)
    decided = uml.decide(clock)
    console = terminal.console(stderr=json)
    boxes = [catalog.middlebox(name) for name in (known if all_of_them else dict.fromkeys(names))]
    claims = [catalog.middlebox(against) if against else profile for profile in boxes]
    with ledger.workplace("middlebox-test") as (book, folder):
        console.print(f"{counted(len(boxes), 'middlebox', 'middleboxes')}, {decided.value} time")
        done = count(1)

        def told(name: str) -> None:
            console.print(f"[dim]{next(done)}/{len(boxes)} {name}[/dim]")

        results = measure_profiles(
            boxes, claims, folder, book, clock=decided, memory_mb=memory_mb, on_done=told, outside=outside
        )
    if results is None:
        return EXIT_INTERRUPTED
    if json:
        all_told = [_told(*each) for each in zip(boxes, claims, results, strict=True)]
        sys.stdout.write(json_text.dumps({"clock": decided.value, "middleboxes": all_told}, indent=2) + "\n")
    else:
        _show(console, boxes, claims, results)
    errors = [result for result in results if isinstance(result, LabError)]
    if errors:
        return max(error.exit_code for error in errors)
    held = all(each.agrees is not False for result in results if isinstance(result, list) for each in result)
    return EXIT_CLAIMS_HOLD if held else EXIT_CLAIM_BROKEN


def _told(profile: Middlebox, claim: Middlebox, result: Result) -> dict[str, Any]:
    about: dict[str, Any] = {"name": profile.name, "against": claim.name}
    if isinstance(result, LabError):
        return {**about, "error": str(result)}
    behaviors = {
        kebab(each.behavior): {"claimed": each.claimed, "shown": each.shown, "agrees": each.agrees} for each in result
    }
    return {**about, "agrees": all(each.agrees is not False for each in result), "behaviours": behaviors}


def _show(console: Console, boxes: list[Middlebox], claims: list[Middlebox], results: list[Result]) -> None:
    """Print a row for each middlebox; below it, a row for each behavior that does not agree."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    columns = ("middlebox", "TCP idle", "TCP closing", "UDP new", "UDP answered", "lifetime", "forgotten",
               "mapping/filtering", "next port")  # fmt: skip
    for name in (*columns, "agrees"):
        table.add_column(name, overflow="fold")
    order = ("established_idle_timeout", "transitory_timeout", "udp_one_way_timer", "udp_mapping_timer", "lifetime",
             "forgotten")  # fmt: skip
    for profile, result in zip(boxes, results, strict=True):
        if isinstance(result, LabError):
            table.add_row(profile.name, *[""] * (len(order) + 2), Text("error", "bold red"))
            continue
        seen = {each.behavior: each.shown or "not seen" for each in result}
        bad = [each for each in result if each.agrees is False]
        looked = sum(1 for each in result if each.agrees is not None)
        verdict = Text("no", "bold red") if bad else Text(f"{looked}/{len(result)}", "green")
        translation = f"{MAPPING[MappingBehavior(seen['mapping'])]}/{FILTERING[FilteringBehavior(seen['filtering'])]}"
        table.add_row(profile.name, *(seen[name] for name in order), translation, seen[NEXT_PORT], verdict)
    console.print(table)
    for profile, claim, result in zip(boxes, claims, results, strict=True):
        if isinstance(result, LabError):
            console.print(f"{profile.name}: {result.side} error: {result}", style="red", markup=False)
            continue
        for each in result:
            if each.agrees is False:
                what = f"{claim.name} says {each.claimed}, seen {each.shown}"
                console.print(f"{profile.name}: {kebab(each.behavior)}: {what}", style="red", markup=False)
