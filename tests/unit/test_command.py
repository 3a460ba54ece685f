"""The command line itself: its commands, how it answers typing errors, and what the shell completes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from lab.cli import completion
from lab.cli.main import COMMANDS, app
from lab.loader import catalog
from lab.loader.conversion import MOST_WORDS, choice

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lab" / "cli" / "commands"


IDLE_SUBSCRIPTION = ["none", "options-ping-25s", "options-ping-40s", "hold-transport"]


def lab(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, arguments, env=env)


def completed(line: str) -> list[str]:
    """What bash offers for the last word of a command line."""
    words = line.split(" ")
    environment = {"_LAB_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return lab(env=environment).stdout.split()


def test_each_command_is_a_file_of_its_name() -> None:
    """All files are commands, `lab --help` has them in the order of the table, and none is long."""
    assert sorted(COMMANDS) == sorted(path.stem.replace("_", "-") for path in FOLDER.glob("[!_]*.py"))
    listed = re.findall(r"^  ([a-z-]+)  ", lab("--help").stdout.partition("Commands:")[2], re.MULTILINE)
    assert listed == list(COMMANDS)
    for path in (ROOT / "lab" / "cli").rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("rnu",), "Did you mean 'run'?"),
        (("kernel", "lst"), "Did you mean 'list'?"),
        (("run", "x.yaml", "--jsn"), "--json"),
        (("run", "x.yaml", "--clock", "vrtual"), "unknown word `vrtual`; did you mean `virtual`? one of auto, real"),
        (("run", "x.yaml", "--server", "kamalio"), "did you mean `kamailio`?"),
        (("list", "stratgies"), "did you mean `strategies`?"),
        (("fidelity", "x.yaml", "--in", "real"), "real with scripted alone is nothing to compare"),
        (("run", "x.yaml", "-q", "-v"), "choose one of the two"),
    ],
)
def test_typing_errors_are_answered(arguments: Sequence[str], said: str) -> None:
    """With the nearest name, and status 2."""
    ended = lab(*arguments)
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())


def test_long_lists_are_not_printed_whole() -> None:
    """An error names all there is while that is bearable, and then the nearest."""
    few, many = [[f"name-{number}" for number in range(size)] for size in (MOST_WORDS, MOST_WORDS + 1)]
    assert choice("nme-7", few).endswith("name-59")
    assert choice("nme-7", many).startswith("did you mean `name-7`? one of 61, such as name-7, ")


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("lab val", ["validate"]),
        ("lab init --strategy crlf-10", ["crlf-10s", "crlf-10s-hold"]),
        ("lab init --middlebox aws-n", ["aws-natgw", "aws-nfw", "aws-nlb"]),
        ("lab init --failure nat-", ["nat-reboot", "nat-new-address"]),
        ("lab list fa", ["faults", "failures"]),
        ("lab show reb", ["reboot"]),
        ("lab middlebox test silent", ["silent-60s"]),
        ("lab run article/idle-sub", ["article/idle-subscription"]),
        ("lab run scenarios/article/idle-sub", ["scenarios/article/idle-subscription.yaml"]),
        ("lab run scenarios/article/idle-subscription.yaml --only ", ["strategy="]),
        (
            "lab run scenarios/article/idle-subscription.yaml --only strategy=o",
            ["strategy=options-ping-25s", "strategy=options-ping-40s"],
        ),
        ("lab run scenarios/article/idle-subscription.yaml --only strategy = n", ["none"]),
        ("lab run article/idle-subscription --only strategy =", IDLE_SUBSCRIPTION),
        ("lab curve tests/errors/cases/words.yaml --only ", []),
    ],
)
def test_completion(line: str, offered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands, names, files, and the axes and values of the scenario on the line; a wrong file offers nothing."""
    monkeypatch.chdir(ROOT)
    assert completed(line) == offered


def test_completion_of_cells(tmp_path: Path) -> None:
    """`lab why` is offered the cells of the run that it is about."""
    for name in ("none,idle", "none,reboot", "hold,idle"):
        (tmp_path / "cells" / name).mkdir(parents=True)

    context = SimpleNamespace(params={"run": tmp_path})
    assert completion.cell(context, "none") == ["none,idle", "none,reboot"]


def test_completion_knows_all_strategies() -> None:
    """It asks the catalog."""
    assert completion.strategy("") == catalog.strategy_names()
