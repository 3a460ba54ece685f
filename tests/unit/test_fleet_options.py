"""The options of engines, and what they say where Dask is not installed."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

import lab
from lab.cli.main import app
from lab.fleet import choose

SHORT = str(Path(__file__).parents[1] / "e2e" / "short.yaml")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--scheduler", "tcp://host:1"), "Invalid value for --scheduler: give --engine dask as well"),
        (("--captures",), "Invalid value for --captures: cells that run here always have captures; leave it out"),
        (("--engine", "dask", "--clock", "real"), "Dask's workers run cells in virtual time"),
        (("--engine", "dask", "--backend", "docker"), "Dask's workers run cells in virtual time"),
        (("--engine", "dask", "--scheduler", "host:1"), "expected tcp://HOST:PORT or tls://HOST:PORT, got host:1"),
        (("--engine", "dsk"), "unknown word `dsk`; did you mean `dask`?"),
    ],
)
def test_options_that_do_not_fit(arguments: Sequence[str], said: str, tmp_path: Path) -> None:
    """One sentence, status 2, nothing started."""
    ended = CliRunner().invoke(app, ["run", SHORT, "--out", str(tmp_path / "runs"), *arguments])
    assert ended.exit_code == 2
    assert said in " ".join(ended.stderr.split())
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("address", ["tcp://10.1.0.1:8786", "tls://[2001:db8::1]:8786", "tcp://a-host.example:1"])
def test_addresses(address: str) -> None:
    assert choose.SCHEDULER.fullmatch(address)


@pytest.mark.parametrize("command", ["run", "tune", "rank", "explore"])
def test_each_command_has_the_options(command: str) -> None:
    needed = {"tune": ["--vary", "interval=10s..60s"]}.get(command, [])
    ended = CliRunner().invoke(app, [command, SHORT, *needed, "--scheduler", "tcp://host:1"])
    assert ended.exit_code == 2
    assert "Invalid value for --scheduler: give --engine dask as well" in " ".join(ended.stderr.split())


def test_without_dask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever asks for it hears in a sentence what to install; nobody else notices."""
    find = importlib.util.find_spec
    monkeypatch.setattr(choose, "find_spec", lambda name: None if name == "distributed" else find(name))
    assert choose.EngineChoice().engine() is None
    with pytest.raises(
        lab.HostNotCapable, match=r"need dask.distributed; `pip install 'sip-keepalive-lab\[cluster\]'`"
    ):
        choose.EngineChoice(choose.EngineKind.DASK).engine()
    dask = ["--out", str(tmp_path), "--engine", "dask"]
    for arguments in (
        ["run", SHORT, *dask],
        ["tune", SHORT, "--strategy", "crlf-30s-hold", "--vary", "interval=10s..60s", *dask],
        ["rank", SHORT, "--population", "home-typical=100%", *dask],
        ["explore", SHORT, "--strategy", "reconnect", *dask],
        ["worker", "tcp://host:1"],
    ):
        ended = CliRunner().invoke(app, arguments)
        assert isinstance(ended.exception, lab.HostNotCapable)
        assert ended.exception.exit_code == 3
    assert not list(tmp_path.iterdir())


def test_help_does_without_dask() -> None:
    look = "import sys, lab.cli.main; print(sorted({'dask', 'distributed', 'tornado'} & {*sys.modules}))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
