"""``lab probe``: its help, its errors, and what it prints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lab.cli.main import app
from lab.nat_probe import responder
from tests.free_ports import free_port

HOST = "127.0.0.1"
PROGRAM = [sys.executable, "-I", "-S", responder.__file__]


def lab(*arguments: str, secret: str = "right") -> Result:
    return CliRunner().invoke(app, ["probe", *arguments], env={responder.SECRET: secret, "COLUMNS": "200"})


@pytest.fixture
def helper() -> Iterator[str]:
    """The port of a responder that runs alone, without the lab."""
    port = str(free_port())
    command = [*PROGRAM, "--address", HOST, "--second-address", "127.0.0.2", "--port", port, "--no-sip"]
    environment = {**os.environ, responder.SECRET: "right"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"listening at {HOST}:{port} ")
    yield port
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=10)
    assert (process.returncode, complaints) == (130, "")


@pytest.mark.parametrize("command", [(), ("serve",), ("measure",)])
def test_help(command: tuple[str, ...]) -> None:
    """It says what runs where, and which variable holds the secret."""
    shown = " ".join(lab(*command, "--help").stdout.split())
    assert "outside" in shown
    assert not command or "LAB_PROBE_SECRET" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("measure", HOST, "--longest", "10"), "--longest: not a quantity"),
        (("measure", HOST, "--longest", "0.5s"), "--longest: is too short, got 0.5s; expected 1 s or more"),
        (("measure", HOST, "--resolution", "soon"), "--resolution: not a quantity"),
        (("measure", HOST, "--out", "/no/such/folder/x.yaml"), "its folder does not exist"),
        (("measure", HOST, "--state", "/no/such/folder/x.json"), "its folder does not exist"),
        (("serve", "--longest", "x"), "--longest: not a quantity"),
    ],
)
def test_wrong_options(arguments: tuple[str, ...], said: str) -> None:
    """All at once, status 2; nothing is started."""
    ended = lab(*arguments)
    assert isinstance(ended.exception, SystemExit) is False
    assert said in str(ended.exception)
    assert ended.exception.exit_code == 2  # type: ignore[union-attr]  # a LabError


def test_all_problems_at_once() -> None:
    """Two options and the secret."""
    ended = lab("measure", HOST, "--longest", "x", "--resolution", "y", secret="")
    assert [problem.path for problem in ended.exception.problems] == [  # type: ignore[union-attr]  # a LabError
        "--longest",
        "--resolution",
        responder.SECRET,
    ]


def test_the_program_is_printed() -> None:
    """`lab probe serve --print` is the file that runs anywhere."""
    assert lab("serve", "--print").stdout == Path(responder.__file__).read_text("utf-8")


def test_a_secret_is_made() -> None:
    """Without one in the environment, the responder says which one the other side needs."""
    command = [*PROGRAM, "--address", HOST, "--port", str(free_port()), "--no-sip"]
    environment = {name: value for name, value in os.environ.items() if name != responder.SECRET}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert f"; on the other side set {responder.SECRET}=" in process.stdout.readline()
        process.send_signal(signal.SIGINT)


def test_a_measurement(helper: str, tmp_path: Path) -> None:
    """Of no NAT at all: translation is found; what takes longer than allowed has no value; it can be repeated."""
    state, out = tmp_path / "state.json", tmp_path / "profile.yaml"
    arguments = ("measure", HOST, "--port", helper, "--longest", "1s", "--state", str(state))
    ended = lab(*arguments, "--out", str(out))
    assert ended.exit_code == 0, ended.output
    assert "filtering: endpoint-independent" in ended.stdout
    assert "sip-alg: unknown (the responder has no port 5060" in ended.stdout
    assert "tcp-established: more than 1.5 s" in ended.stdout
    assert "Addresses are not translated" in out.read_text()
    again = lab(*arguments, "--json")
    told = json.loads(again.stdout)
    assert told["profile"] == out.read_text()
    values = {each["key"]: each for each in told["values"]}
    assert values["mapping"] == {"key": "mapping", "value": "endpoint-independent", "measured": True, "note": ""}
    assert values["udp-mapping-timer"]["value"] == ""
    assert told["evidence"]["translation"] == "measured"
    assert told["evidence"]["udp"] == "assumed"
    wrong = lab("measure", HOST, "--port", str(int(helper) + 1), "--state", str(state))
    assert "was measured with another responder" in str(wrong.exception)
    kept = json.loads(state.read_text())
    kept["facts"]["external"] = "198.51.100.7"
    kept["facts"]["ports"]["addresses"] = ["198.51.100.7", "198.51.100.8"]
    state.write_text(json.dumps(kept))
    elsewhere = lab(*arguments)
    assert "was measured behind 198.51.100.7, this network has 127.0.0.1" in str(elsewhere.exception)


def test_a_wrong_secret(helper: str, tmp_path: Path) -> None:
    """It is said whose; status 3."""
    ended = lab("measure", HOST, "--port", helper, "--state", str(tmp_path / "state.json"), secret="wrong")
    assert str(ended.exception).endswith("it has another secret; set the same LAB_PROBE_SECRET on both sides")
    assert ended.exception.exit_code == 3  # type: ignore[union-attr]  # a LabError
    assert not (tmp_path / "state.json").exists()


def test_no_stun_server(tmp_path: Path) -> None:
    """What does not answer STUN is named."""
    ended = lab("measure", HOST, "--stun", "--port", str(free_port()), "--state", str(tmp_path / "s.json"), secret="")
    assert "does not answer STUN requests over UDP" in str(ended.exception)
