"""Prints what came of a run, and says what exit status that is."""

from __future__ import annotations

from rich.console import Console

from lab.engine.run import Run
from lab.errors import EXIT_CLAIM_BROKEN, EXIT_CLAIMS_HOLD, LabError, TeardownIncomplete
from lab.model.outcome import Outcome
from lab.model.verdict import Verdict
from lab.report import terminal
from lab.report.formats import junit_xml, report_html, report_json, report_md
from lab.report.paths import shown
from lab.report.verbosity import Verbosity
from lab.units import counted


def show(run: Run, console: Console, *, as_list: bool, verbosity: Verbosity = Verbosity.NORMAL) -> None:
    """Print why cells came out so where that is wanted, the table, notes, and where everything is."""
    if verbosity is Verbosity.QUIET:
        terminal.show_doubtful(terminal.console(stderr=True), run.results)
    terminal.show_broken(console, run.results, all_not_passed=verbosity is Verbosity.VERBOSE)
    terminal.show(console, run.scenario, run.results, as_list=as_list)
    for warning in report_json.warnings(run.results):
        console.print(f"[yellow]note:[/yellow] {warning}")
    files = f"{report_md.FILE} for tickets, {report_json.FILE} and {junit_xml.FILE} for programs, records, captures"
    text = f"report: {shown(run.folder / report_html.FILE)}; beside it {files}"
    console.print(text, markup=False, soft_wrap=True)


def show_left(run: Run, console: Console) -> None:
    """Print what of a run could not be removed from this machine."""
    if run.left:
        text = f"{TeardownIncomplete.side} error: {TeardownIncomplete(run.left)}; `lab clean` tries again"
        console.print(text, style="red", markup=False, soft_wrap=True)


def status(run: Run, console: Console) -> int:
    """Return the exit status of a run that is over, and print what is the reason for it."""
    errors = [result for _, result in run.results if isinstance(result, LabError)]
    for text in dict.fromkeys(f"{error.side} error: {error}" for error in errors):
        console.print(text, style="red", markup=False)
    show_left(run, console)
    if errors:
        return max(error.exit_code for error in errors)
    if run.left:
        return TeardownIncomplete.exit_code
    outcomes = [result for _, result in run.results if isinstance(result, Outcome)]
    nothing_ran = all(outcome.verdict is Verdict.UNSUPPORTED and outcome.claim_holds is None for outcome in outcomes)
    if outcomes and nothing_ran:
        terminal.say(console, f"nothing ran: {_none_can_exist(outcomes)}", style="red")
        return EXIT_CLAIM_BROKEN
    held = all(outcome.claim_holds is not False for outcome in outcomes)
    doubted = any(outcome.verdict is Verdict.INCONCLUSIVE and outcome.claim_holds is None for outcome in outcomes)
    return EXIT_CLAIMS_HOLD if held and not doubted else EXIT_CLAIM_BROKEN


def _none_can_exist(outcomes: list[Outcome]) -> str:
    """Say that no cell can exist, and why."""
    reasons = list(dict.fromkeys(outcome.doubt for outcome in outcomes))
    more = f"; and {counted(len(reasons) - 1, 'other reason')}" if len(reasons) > 1 else ""
    cells = "the cell" if len(outcomes) == 1 else f"each of the {len(outcomes)} cells"
    return f"{cells} is `unsupported`, and no claim says so ({reasons[0]}{more})"
