"""Implements ``lab explore``: searches for what breaks a strategy, and shows what was found."""

from __future__ import annotations

import json
import re
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab.cli.explore_progress import ExploreProgress
from lab.engine.execute import clean_up
from lab.engine.run import Run
from lab.engine.select import load_all
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, Problem, ScenarioError
from lab.exploration.bounds import USUAL_S, Bounds
from lab.exploration.document import document
from lab.exploration.explore import Prepared, Wish, explore, prepare
from lab.exploration.search import Result
from lab.exploration.timeline import Limits
from lab.fleet.choose import LOCAL, EngineChoice
from lab.report import terminal
from lab.report.paths import shown
from lab.units import Seconds, counted
from lab.visible_text import all_visible
from lab.worlds import uml
from lab.worlds.clock import Clock

EXPLORE_FILE = "explore.json"
_PACKETS = re.compile(r"\s*(\d{1,9})\s*/\s*min\s*", re.ASCII)
MOST_DOUBTS = 3
"""Reasons for inconclusive timelines that are printed; the file has all."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command, as given."""

    strategy: str
    lasts: str | None
    cells: int | None
    seed: int | None
    recovers_within: str
    packets: str
    faults: str
    into: Path | None
    only: tuple[str, ...]
    out: Path
    json: bool
    engine: EngineChoice = LOCAL


def find(file: Path, options: Options) -> int:
    """Search, show findings as they come, and what it came to; return the exit status.

    Raises:
        ScenarioError: before anything is started.
        HostNotCapable: this machine lacks something.
    """
    wish = _wish(file, options)
    (scenario,) = load_all([file], only=options.only)
    prepared = prepare(scenario, wish)
    clock = uml.decide("auto" if options.engine.is_local else Clock.VIRTUAL.value)
    console = terminal.console(stderr=options.json)
    for sentence in clean_up(lambda text: terminal.say(console, f"note: {text}"), with_containers=False):
        console.print(sentence, style="dim", markup=False)
    if clock is Clock.REAL:
        terminal.say(console, f"note: in real time, in which a search sees little: {uml.lack()}", style="yellow")
    with ExploreProgress(console, prepared, clock) as progress:
        run, result = explore(
            prepared,
            out=options.out,
            clock=clock,
            watch=progress.watch,
            tell=progress.tell,
            note=progress.note,
            engine=options.engine.engine(lambda text: terminal.say(console, f"note: {text}")),
        )
    text = json.dumps(
        all_visible(document(prepared, result, clock=clock.value, finished=run.finished)), indent=2, ensure_ascii=False
    )
    (run.folder / EXPLORE_FILE).write_text(f"{text}\n", encoding="utf-8")
    _show(console, prepared, run, result)
    if options.json:
        sys.stdout.write(f"{text}\n")
    return _status(run, result)


def _wish(file: Path, options: Options) -> Wish:
    """Return what is asked for.

    Raises:
        ScenarioError: a value is none.
    """
    problems: list[Problem] = []

    def seconds(option: str, text: str, least: float = 0.0) -> float:
        try:
            found = float(Seconds.parse(text))
            if found < least:
                raise ValueError(f"too short; at least {Seconds(least)}")
            return found
        except ValueError as error:
            what, _, allowed = str(error).partition("; ")
            problems.append(Problem(str(file), 0, option, what, f"`{text}`", allowed))
            return 0.0

    usual = None if options.cells is not None else USUAL_S
    lasts = usual if options.lasts is None else seconds("--for", options.lasts, least=1.0)
    recovers = seconds("--recovers-within", options.recovers_within)
    packets = _PACKETS.fullmatch(options.packets)
    if packets is None:
        allowed = "a number of packets such as `120/min`"
        problems.append(Problem(str(file), 0, "--packets", "not a rate", f"`{options.packets}`", allowed))
    if problems:
        raise ScenarioError(problems)
    assert packets is not None
    return Wish(
        strategy=options.strategy,
        limits=Limits(recovers_within_s=recovers, packets_per_minute=int(packets[1])),
        bounds=Bounds(seconds=lasts, timelines=options.cells),
        seed=secrets.randbits(32) if options.seed is None else options.seed,
        words=tuple(word.strip() for word in options.faults.split(",") if word.strip()),
        into=options.into,
        begins_with_known=options.seed is None,
    )


def _show(console: Console, prepared: Prepared, run: Run, result: Result) -> None:
    tried, cells = counted(result.tried, "timeline"), counted(result.cells, "cell")
    if not run.finished:
        terminal.say(console, f"interrupted after {tried}")
    elif result.findings:
        terminal.say(console, f"{tried} in {cells}: {counted(len(result.findings), 'finding')}")
    elif result.known:
        terminal.say(console, f"{counted(result.known, 'timeline')}, nothing broke it: that is no proof")
    else:
        terminal.say(console, f"{tried}, and none of them showed anything", style="red")
    if any(not finding.timeline.kinds for finding in result.findings):
        terminal.say(console, "note: it breaks with no fault at all; other findings may be that at another moment")
    if result.exhausted:
        terminal.say(console, "there was nothing else to try")
    if result.doubts:
        told = f"{counted(len(result.doubts), 'timeline')} inconclusive, neither a finding nor a pass"
        terminal.say(console, f"{told}: {'; '.join(sorted(set(result.doubts))[:MOST_DOUBTS])}")
    for timeline in result.unsteady:
        kinds = ", ".join(sorted(timeline.kinds)) or "nothing"
        terminal.say(console, f"note: a timeline with {kinds} broke it, and did not when it was run again")
    for error in dict.fromkeys(text for text, _ in result.errors):
        terminal.say(console, error, style="red")
    seed = f"seed {result.seed}"
    limit = prepared.wish.bounds.timelines
    repeat = f"{seed}; --seed {result.seed} --cells {limit or max(1, result.tried)} repeats it"
    terminal.say(console, f"{repeat}; records: {shown(run.folder)}", style="dim")


def _status(run: Run, result: Result) -> int:
    if not run.finished:
        return EXIT_INTERRUPTED
    if result.findings:
        return EXIT_CLAIM_BROKEN
    usual = EXIT_CLAIMS_HOLD if result.known else EXIT_CLAIM_BROKEN
    return max((code for _, code in result.errors), default=usual)
