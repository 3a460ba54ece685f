"""``lab actor check``: what a client does, and what a scenario needs of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.client_checks import Check, Checked, check_all
from tests.e2e.lab_command import ROOT, processes_of, run, start, wait_until

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "docs" / "examples" / "client.py"
ODD = Path(__file__).parent / "clients" / "odd.py"
KEEPS_NONCE = Path(__file__).parent / "clients" / "keeps_nonce.py"


OWN = (sys.executable, "-m", "lab.actors.stdio", "lab.clients.pjsip.client:main")


def _check(program: Path, *arguments: str, **asked: Any) -> Check:
    return Check((sys.executable, str(program), *arguments), **asked)


REGISTERS = {account: _check(EXAMPLE, account=account) for account in ("register", "register-and-subscribe")}
THE_LABS = {transport: Check(OWN, transport=transport) for transport in ("udp", "tls")}
UNASKED = {program: _check(program) for program in (EXAMPLE, KEEPS_NONCE)}
ASKED = {program: _check(program, authentication=True) for program in (EXAMPLE, KEEPS_NONCE)}
FAULTS = ("says-nothing", "never-subscribes", "lies", "prints", "wall-clock", "forges", "closes")
FAULTY = {fault: _check(ODD, fault) for fault in FAULTS}

together = pytest.mark.xdist_group("actor-check")
"""Of tests that read what all of these have shown."""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> dict[Check, Checked]:
    """What clients do, in virtual time."""
    groups = (REGISTERS, THE_LABS, UNASKED, ASKED, FAULTY)
    return check_all([each for group in groups for each in group.values()], tmp_path_factory.mktemp("checks"))


def check(
    home: Path,
    *command: str | Path,
    clock: str = "virtual",
    transport: str = "tcp",
    account: str = "subscribe",
    more: tuple[str, ...] = (),
) -> tuple[int, dict[str, Any]]:
    """The exit status, and the findings by what they are about."""
    options = ("--json", "--clock", clock, "--transport", transport, "--account", account, *more)
    done = run("actor", "check", *options, "--", *command, home=home)
    assert "Traceback" not in done.stderr
    report = json.loads(done.stdout)
    assert report["conforms"] is (done.returncode == 0)
    return done.returncode, {finding["what"]: finding for finding in report["findings"]}


def test_example_is_as_short_as_promised() -> None:
    """The documentation promises eighty lines, and they can be read on a screen."""
    lines = EXAMPLE.read_text().splitlines()
    assert "complete client in eighty lines" in (ROOT / "docs" / "actor-protocol.md").read_text()
    assert len(lines) <= 80
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize(
    ("clock", "transport"),
    [
        ("real", "tls"),
        pytest.param("virtual", "tls", marks=pytest.mark.virtual),
        pytest.param("virtual", "tcp", marks=pytest.mark.virtual),
    ],
)
@pytest.mark.usefixtures("untouched")
def test_example(tmp_path: Path, clock: str, transport: str) -> None:
    """The documented client conforms; what it leaves out is said to be left out."""
    status, findings = check(tmp_path, sys.executable, EXAMPLE, clock=clock, transport=transport)
    assert status == 0
    lacks = {what for what, finding in findings.items() if not finding["seen"]}
    assert lacks == {"tells `notify`", "tells `call`"}


@pytest.mark.virtual
@together
@pytest.mark.parametrize("account", REGISTERS)
def test_example_registers(checked: dict[Check, Checked], account: str) -> None:
    """Of an account that only registers nothing is asked that needs a subscription."""
    seen = checked[REGISTERS[account]]
    assert seen.conforms
    findings = seen.findings
    assert findings["registers at the server"]["seen"]
    assert findings["says `registered`"]["seen"]
    assert findings["accepts a call (INVITE, BYE)"]["needed"] is (account == "register")
    subscribes = {"subscribes at the server", "says `subscribed`", "accepts NOTIFY", "tells `notify`"}
    assert subscribes & findings.keys() == (set() if account == "register" else subscribes)


@pytest.mark.virtual
def test_client_that_subscribes_although_it_is_to_register(tmp_path: Path) -> None:
    """A scenario could not use it: nobody knows what it is reached by."""
    status, findings = check(tmp_path, sys.executable, ODD, "subscribes", account="register")
    assert status == 1
    more = findings["does no more than the account says"]
    assert (more["seen"], more["detail"]) == (False, "the client subscribes, but the account is `register`")


@pytest.mark.virtual
@together
@pytest.mark.parametrize("transport", THE_LABS)
def test_the_labs_own_client(checked: dict[Check, Checked], transport: str) -> None:
    """As a program of its own it does all there is, but for what only connections have."""
    seen = checked[THE_LABS[transport]]
    assert seen.conforms
    lacks = {what for what, finding in seen.findings.items() if not finding["seen"]}
    assert lacks == ({"tells `transport`"} if transport == "udp" else set())


@pytest.mark.virtual
@together
@pytest.mark.parametrize("program", ASKED)
def test_authentication(checked: dict[Check, Checked], program: Path) -> None:
    """A client that answers a challenge is found; without the option nobody is asked."""
    seen = checked[ASKED[program]]
    assert seen.conforms
    assert seen.findings["answers a challenge (401)"]["seen"]
    assert seen.findings["subscribes at the server"]["seen"]
    assert "answers a challenge (401)" not in checked[UNASKED[program]].findings


def test_a_client_that_is_deaf_to_challenges(tmp_path: Path) -> None:
    """A client that answers no challenge is found; without the option nobody is asked."""
    text = EXAMPLE.read_text(encoding="utf-8")
    program = tmp_path / "deaf_to_challenges.py"  # in real time: a guest has a temporary folder of its own
    program.write_text(text.replace('start["password"]:', "False:"), encoding="utf-8")
    assert program.read_text(encoding="utf-8") != text
    status, findings = check(tmp_path, sys.executable, program, clock="real", more=("--authentication",))
    assert status == 1
    assert not findings["answers a challenge (401)"]["seen"]
    assert not findings["subscribes at the server"]["seen"]
    _, findings = check(tmp_path, sys.executable, program, clock="real")
    assert "answers a challenge (401)" not in findings


@pytest.mark.virtual
@together
@pytest.mark.parametrize(
    ("fault", "what", "detail"),
    [
        ("says-nothing", "says `ready`", ""),
        ("never-subscribes", "subscribes at the server", "nothing came"),
        ("lies", "subscribes at the server", "nothing came"),
        ("prints", "keeps to the protocol", "not JSON"),
        ("wall-clock", "keeps to the protocol", "CLOCK_MONOTONIC"),
        ("forges", "accepts NOTIFY", "timeout"),
        ("closes", "ends when its input does", "still there"),
    ],
)
def test_odd_client(checked: dict[Check, Checked], fault: str, what: str, detail: str) -> None:
    """What a client does wrong is found, and a scenario cannot use it."""
    seen = checked[FAULTY[fault]]
    assert not seen.conforms
    assert seen.findings[what]["seen"] is False
    assert detail in seen.findings[what]["detail"]


@pytest.mark.parametrize(
    ("name", "account"),
    [("baresip", "register-and-subscribe"), ("linphone", "register-and-subscribe"), ("pjsip-2.10", "register")],
)
def test_client_by_its_name(tmp_path: Path, name: str, account: str) -> None:
    """What is good enough for users' clients is good enough for ours."""
    done = run("actor", "check", "--client", name, "--transport", "tcp", "--account", account, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_program_that_is_none(tmp_path: Path) -> None:
    """Status 2 and nothing started; a file that cannot be run after all is said to be that."""
    done = run("actor", "check", "--", "./no-such-client", home=tmp_path)
    assert done.returncode == 2
    assert "no such file, got `./no-such-client`" in done.stderr
    broken = tmp_path / "broken"
    broken.write_text("#!/no/such/interpreter\n")
    broken.chmod(0o755)
    status, findings = check(tmp_path, broken, clock="real")
    assert status == 1
    assert f"cannot start `{broken}`: No such file or directory" in findings["runs"]["detail"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [((), "nothing to check"), (("--image", "x", "--clock", "virtual"), "containers know real time only")],
)
def test_what_cannot_be_checked(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    """Status 2, and what to do."""
    done = run("actor", "check", *arguments, home=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.virtual
def test_table(tmp_path: Path) -> None:
    """People get a table and a last sentence that says it all."""
    done = run("actor", "check", "--clock", "virtual", "--", sys.executable, EXAMPLE, home=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "a scenario can use this client"
    assert not list((tmp_path / "state").rglob("*.jsonl"))


@pytest.mark.leaves
def test_killed(tmp_path: Path) -> None:
    """A check that is killed leaves no process, and `lab clean` removes its folder."""
    process = start("actor", "check", "--", sys.executable, ODD, "says-nothing", home=tmp_path)
    wait_until("the client runs", lambda: len(processes_of(process.pid)) > 1)
    process.kill()
    process.communicate()
    wait_until("nothing is left", lambda: not processes_of(process.pid))
    assert "removed " in run("clean", home=tmp_path).stdout
