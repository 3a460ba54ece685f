"""``lab init``: what it writes loads as written, whatever is answered, and it overwrites nothing."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lab.cli import init
from lab.cli.choices import TransportChoice
from lab.cli.init import Given, answers
from lab.cli.main import app
from lab.engine.select import load_all
from lab.errors import ScenarioError
from lab.loader import catalog
from lab.loader.load import load_text
from lab.model.scenario import Account, Transport
from lab.starter.failures import failures
from lab.starter.scenario import Answers, last_probe_s, text, usual_strategies

GOLDEN = Path(__file__).parents[1] / "golden" / "init.yaml"
EVERYTHING = [
    (transport, account, failure)
    for transport, account, failure in itertools.product(TransportChoice, Account, failures())
    if not (failures()[failure].streams_only and transport is TransportChoice.UDP)
]


@pytest.mark.parametrize(("of", "account", "failure"), EVERYTHING)
def test_every_answer_gives_a_scenario(of: TransportChoice, account: Account, failure: str) -> None:
    """It loads, all its cells can exist, `none` is among them, and nothing is claimed that nobody has seen."""
    transport = Transport(of.value)
    chosen = usual_strategies(transport, account)
    written = text(Answers(transport=transport, account=account, failure=failure, strategies=chosen))
    scenario = load_text(written, Path("s.yaml"))
    assert [cell.strategy.name for cell in scenario.cells] == list(chosen)
    assert chosen[0] == "none"
    assert {cell.unsupported for cell in scenario.cells} == {""}
    assert {cell.claim for cell in scenario.cells} == {None}
    assert {(cell.transport, cell.client.account) for cell in scenario.cells} == {(transport, account)}
    assert all(len(cell.faults) == len(failures()[failure].faults) for cell in scenario.cells)
    assert max(map(len, written.splitlines())) <= 106


@pytest.mark.parametrize("name", catalog.middlebox_names())
def test_every_middlebox(name: str) -> None:
    """It loads; the last probe comes when an idle flow is forgotten, unless that takes hours."""
    asked = Answers(middlebox=name)
    (cell,) = load_text(text(asked), Path("s.yaml")).cells
    (_, box), timer = cell.middleboxes[0], cell.middleboxes[0][1].established_idle_timeout
    assert box.name == name
    assert float(cell.probes[-1].at) == last_probe_s(asked)
    if timer is not None and timer < 7000:
        assert cell.probes[-1].at > timer


def test_the_usual_one() -> None:
    """The file as it is written where nobody answers; after a change: `lab init` and look at it."""
    usual = Answers(strategies=usual_strategies(Transport.TLS, Account.SUBSCRIBE))
    assert text(usual) == GOLDEN.read_text("utf-8")


def run(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(app, ["init", *arguments])
    return ended.exit_code, str(ended.exception) if isinstance(ended.exception, ScenarioError) else ended.output


def test_without_a_terminal_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes what is usual, says what comes next, and what it wrote is a scenario."""
    monkeypatch.chdir(tmp_path)
    assert run() == (0, "wrote my-scenario.yaml; next: lab run my-scenario.yaml\n")
    (scenario,) = load_all([Path("my-scenario.yaml")])
    assert scenario.name == "my-scenario"


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with an option either."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("mine")
    assert run("mine", "--transport", "udp")[1] == (
        "lab init: the file is there, got `mine.yaml`; use another NAME; nothing is overwritten"
    )
    assert Path("mine.yaml").read_text() == "mine"


def test_a_name_may_be_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command that comes next can be copied."""
    monkeypatch.chdir(tmp_path)
    assert run("Büro 3. Stock")[1] == "wrote Büro 3. Stock.yaml; next: lab run 'Büro 3. Stock.yaml'\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--middlebox", "silent-60"), "did you mean `silent-60s`?"),
        (("--failure", "nat-rebot"), "did you mean `nat-reboot`?"),
        (("--strategy", "nne"), "did you mean `none`?"),
        (("--transport", "udp", "--failure", "rst"), "rst needs a connection, and UDP has none"),
        (("--transport", "udp", "--strategy", "crlf-30s"), "crlf-keepalive exists on tcp, tls, ws and wss only"),
        (("nowhere/x",), "cannot be written"),
    ],
)
def test_what_does_not_fit(
    arguments: Sequence[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said, and no file is left."""
    monkeypatch.chdir(tmp_path)
    assert said in run(*arguments)[1]
    assert list(tmp_path.iterdir()) == []


def test_questions() -> None:
    """What an option has answered is not asked; the usual strategies follow from what was answered."""
    asked: list[tuple[str, str]] = []

    def ask(question: str, usual: str, known: Sequence[str]) -> str:
        word = question.split(maxsplit=1)[0]
        asked.append((word, usual))
        return {"What": "register", "Strategies": "none, udp-silent"}.get(word, usual)

    found = answers(Given(transport="udp", failure="link-down"), ask)
    assert asked == [
        ("What", "subscribe"),
        ("The", "silent-60s"),
        ("Strategies", "none, udp-silent, options-ping-25s, server-options-25s"),
    ]
    assert found == Answers(
        transport=Transport.UDP,
        account=Account.REGISTER,
        middlebox="silent-60s",
        failure="link-down",
        strategies=("none", "udp-silent"),
    )


def test_a_wrong_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """With the nearest name."""
    said = iter(["tlss", "tls"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(said))
    assert init._ask("Transport", "tls", ["udp", "tcp", "tls"]) == "tls"
    assert "did you mean `tls`?" in capsys.readouterr().out
