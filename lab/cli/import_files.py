"""Implements ``lab import``: reads files, writes scenarios, and prints what the files show."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from lab.engine.execute import clean_up
from lab.engine.run_folder import RunFolder
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, EXIT_INTERRUPTED, Problem, ScenarioError
from lab.importing.document import document
from lab.importing.importing import Import, Imported, import_files
from lab.importing.reading import observed
from lab.importing.rerun import Rerun, rerun
from lab.report import terminal
from lab.report.paths import shown
from lab.units import counted
from lab.visible_text import all_visible
from lab.worlds.base import Message

MOST_RUN = 4
"""Explanations that ``--run`` runs, the best first."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of the command, as given."""

    output: Path
    keys: Path | None
    account: int
    run: bool
    out: Path
    clock: str
    json: bool


def import_and_show(files: Sequence[Path], options: Options) -> int:
    """Read, write, print; return the exit status.

    Raises:
        ScenarioError: a file cannot be read, has no SIP, or the scenario's file is there.
        HostNotCapable: this machine cannot run the scenarios.
    """
    console = terminal.console(stderr=options.json)
    found = import_files(files, key_log=options.keys, account=options.account)
    paths = _written(found, options.output)
    _show(console, found, paths)
    ran = _run(console, found, paths, options) if options.run else None
    if ran is not None:
        _show_run(console, found, ran)
    else:
        terminal.say(console, f"next: lab run {shlex.quote(shown(paths[0]))}", style="dim")
    if options.json:
        sys.stdout.write(f"{json.dumps(all_visible(document(found, paths, ran)), indent=2, ensure_ascii=False)}\n")
    if ran is None:
        return EXIT_CLAIMS_HOLD
    if not ran.finished:
        return EXIT_INTERRUPTED
    return EXIT_CLAIM_BROKEN if ran.shown[0].differences else EXIT_CLAIMS_HOLD


def _written(found: Import, output: Path) -> list[Path]:
    """Write all scenarios, the best one under the name that was given; return their paths."""
    output = output if output.suffix in (".yaml", ".yml") else output.with_name(f"{output.name}.yaml")
    paths = [
        output if not number else output.with_name(f"{output.stem}-{number + 1}-{each.hypothesis.name}{output.suffix}")
        for number, each in enumerate(found.scenarios)
    ]
    there = [
        Problem(str(path), 0, "", "the file is there", allowed="use another --output")
        for path in paths
        if path.exists()
    ]
    if there:
        raise ScenarioError(there)
    for path, each in zip(paths, found.scenarios, strict=True):
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(each.text)
        except OSError as error:  # noqa: PERF203  (names the file)
            raise ScenarioError([Problem(str(path), 0, "", f"cannot be written: {error.strerror}")]) from None
    return paths


def _show(console: Console, found: Import, paths: Sequence[Path]) -> None:
    for remark in found.remarks:
        terminal.say(console, f"note: {remark}", style="yellow")
    if found.accounts > 1:
        terminal.say(console, f"note: {counted(found.accounts, 'account')}; --account N takes another one")
    for sentence in observed(found.case):
        terminal.say(console, sentence)
    terminal.say(console, "")
    for number, (each, path) in enumerate(zip(found.scenarios, paths, strict=True), 1):
        wide = f"{number}. " if len(paths) > 1 else ""
        terminal.say(console, f"{wide}{_what(each)}: {each.hypothesis.text}")
        if each.hypothesis.decide and len(paths) > 1:
            terminal.say(console, f"   what would decide: {each.hypothesis.decide}", style="dim")
        terminal.say(console, f"   {shown(path)}", style="dim")


def _what(each: Imported) -> str:
    (claim,) = each.content["claims"]
    return f"{claim['verdict']}, {claim['cause']}" if "cause" in claim else str(claim["verdict"])


def _run(console: Console, found: Import, paths: Sequence[Path], options: Options) -> Rerun:
    from lab.report.progress import Progress

    for sentence in clean_up(lambda text: terminal.say(console, f"note: {text}"), with_containers=False):
        terminal.say(console, sentence, style="dim")

    def watch(folder: RunFolder) -> Callable[[Message], None]:
        terminal.say(console, f"running into {shown(folder.path)}", style="dim")
        return progress.take

    best = list(zip(found.scenarios, paths, strict=True))[:MOST_RUN]
    with Progress(console, clock=options.clock) as progress:
        return rerun(found.case, best, clock=options.clock, out=options.out, watch=watch, strategies=found.case.fails)


def _show_run(console: Console, found: Import, ran: Rerun) -> None:
    for each in ran.shown:
        name = each.imported.hypothesis.name
        at = "" if each.at_s is None else f" at {each.at_s:.1f} s"
        verdict = f"{each.verdict}{f', {each.cause}' if each.cause else ''}{at}"
        if each.differences:
            terminal.say(
                console, f"{name}: the lab shows something else: {'; '.join(each.differences)}", style="yellow"
            )
        else:
            terminal.say(console, f"{name}: the lab shows the same: {verdict}", style="green")
    if found.case.fails:
        helped = ", ".join(ran.helped) or "none of the catalogue"
        terminal.say(console, f"would have helped: {helped}")
