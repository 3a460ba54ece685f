"""``lab init``: asks a few questions and writes a scenario."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from lab.cli.choices import TransportChoice
from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.loader import catalog
from lab.loader.conversion import choice
from lab.loader.load import load_text
from lab.model.scenario import Account, Transport
from lab.report import terminal
from lab.report.paths import shown
from lab.starter.failures import SILENCE, failures
from lab.starter.scenario import Answers, text, usual_strategies

WHERE = "lab init"
USUAL_NAME = "my-scenario"
SOME_MIDDLEBOXES = ("silent-60s", "home-typical", "cgn", "cell-aggressive", "aws-natgw", "never-forgets")
"""Those that the question names; it takes any."""

Ask = Callable[[str, str, Sequence[str]], str]
"""Asks a question, with the usual answer and the answers there are; returns one of them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """The answers given by options; empty: not given."""

    transport: str | None = None
    account: str | None = None
    middlebox: str = ""
    failure: str = ""
    strategies: tuple[str, ...] = ()


def init(name: str, given: Given) -> int:
    """Write ``NAME.yaml``; ask what is not given, if there is somebody to answer.

    Raises:
        ScenarioError: a name is wrong, things do not fit together, or the file is there.
    """
    path = Path(name or USUAL_NAME)
    path = path if path.suffix in (".yaml", ".yml") else path.with_name(f"{path.name}.yaml")
    if path.exists():
        raise _refused("the file is there", shown(path), "use another NAME; nothing is overwritten")
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    written = text(answers(given, _ask if interactive else _take_the_usual))
    _check(written, path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(written)
    except FileExistsError as error:
        raise _refused("the file is there", shown(path), "use another NAME; nothing is overwritten") from error
    except OSError as error:
        raise _refused(f"cannot be written: {error.strerror}", shown(path), "use another NAME") from error
    console = terminal.console(stderr=False)
    console.print(f"wrote {shown(path)}; next: lab run {shlex.quote(shown(path))}", markup=False, soft_wrap=True)
    return EXIT_CLAIMS_HOLD


def answers(given: Given, ask: Ask) -> Answers:
    """Return what is given, completed by what is asked.

    Raises:
        ScenarioError: a name that was given is of nothing.
    """
    usual = Answers()
    middleboxes, strategies = catalog.middlebox_names(), catalog.strategy_names()
    problems = [
        Problem(WHERE, 0, option, "no such thing", f"`{name}`", choice(name, known))
        for option, names, known in (
            ("--middlebox", [given.middlebox] if given.middlebox else [], middleboxes),
            ("--failure", [given.failure] if given.failure else [], list(failures())),
            ("--strategy", given.strategies, strategies),
        )
        for name in names
        if name not in known
    ]
    if problems:
        raise ScenarioError(problems)
    transport = Transport(
        given.transport
        or ask("The client's transport", usual.transport.value, [each.value for each in TransportChoice])
    )
    account = Account(
        given.account or ask("What the client sets up", usual.account.value, [each.value for each in Account])
    )
    box = given.middlebox or ask(
        f"The NAT or firewall, such as\n  {', '.join(SOME_MIDDLEBOXES)}\n", usual.middlebox, middleboxes
    )
    if not given.failure:
        possible = [each for each in failures().values() if not (each.streams_only and transport is Transport.UDP)]
        told = "".join(f"\n  {each.name:16} {each.what}" for each in possible)
        wrong = ask(f"What goes wrong{told}\n", SILENCE, [each.name for each in possible])
    else:
        wrong = given.failure
    chosen = given.strategies or _asked_strategies(ask, usual_strategies(transport, account), strategies)
    if failures()[wrong].streams_only and transport is Transport.UDP:
        raise _refused(f"{wrong} needs a connection, and UDP has none", "", "use `--transport tcp` or `tls`")
    return Answers(transport=transport, account=account, middlebox=box, failure=wrong, strategies=chosen)


def _asked_strategies(ask: Ask, usual: tuple[str, ...], known: Sequence[str]) -> tuple[str, ...]:
    """Return the strategies of a list that is asked for in one line."""
    said = ask("Strategies to compare\n", ", ".join(usual), ())
    names = tuple(name.strip() for name in said.split(",") if name.strip())
    wrong = [name for name in names if name not in known]
    if wrong:
        raise ScenarioError([Problem(WHERE, 0, "", "no such strategy", f"`{n}`", choice(n, known)) for n in wrong])
    return names


def _check(written: str, path: Path) -> None:
    """Check that each strategy can exist in the scenario, and that it loads.

    Raises:
        ScenarioError: one cannot.
    """
    scenario = load_text(written, path)
    problems = [
        Problem(WHERE, 0, "--strategy", f"cannot exist here: {cell.unsupported}", f"`{cell.strategy.name}`", "another")
        for cell in scenario.cells
        if cell.unsupported
    ]
    if problems:
        raise ScenarioError(problems)


def _ask(question: str, usual: str, known: Sequence[str]) -> str:
    """Ask on the terminal until the answer is one of those there are."""
    few = f" ({', '.join(known)})" if 0 < len(known) < 5 else ""
    while True:
        answer = str(typer.prompt(f"{question}{few}", default=usual)).strip()
        if not known or answer in known:
            return answer
        terminal.say(terminal.console(stderr=False), f"no such thing: `{answer}`; {choice(answer, known)}")


def _take_the_usual(question: str, usual: str, known: Sequence[str]) -> str:  # noqa: ARG001  (an `Ask`)
    return usual


def _refused(what: str, got: str, allowed: str) -> ScenarioError:
    return ScenarioError([Problem(WHERE, 0, "", what, f"`{got}`" if got else "", allowed)])
