"""A client of the scenario's author: the example works, and none that is wrong gets a verdict it does not deserve."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = pytest.mark.e2e

EXAMPLE = ROOT / "docs" / "examples" / "own-client.yaml"
ODD = Path(__file__).parent / "clients" / "odd.py"

FAULTS = {
    "says-nothing": ("inconclusive", "it never said `ready`"),
    "never-subscribes": ("inconclusive", "it said `ready`, never `subscribed`"),
    "lies": ("inconclusive", "the server knows of no subscription"),
    "prints": ("inconclusive", "broke the actor protocol: not JSON; standard output is for the protocol alone"),
    "wall-clock": ("inconclusive", "`at` is not a moment of CLOCK_MONOTONIC"),
    "dies-at-once": ("inconclusive", "its process ended by exit status 2"),
    "dies": ("fail", "client process ended by exit status 3 at 10.0 s: I have had enough"),
    "closes": ("fail", "client closed the connection at 10.0 s, as link lan shows; it does not say why"),
    "forges": ("fail", "the record does not show why"),
}
"""What a client does wrong, the verdict it gets, and what is said of it."""


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time; it is built if it is not (two or three minutes)."""
    if kernel.find() is None:
        kernel.build()


def cells(out: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """The cells of all runs below a folder, by scenario and name."""
    reports = [json.loads(path.read_text()) for path in out.glob("*/report.json")]
    return {(report["scenario"]["name"], cell["name"]): cell for report in reports for cell in report["cells"]}


@pytest.mark.timeout(300)
def test_example(tmp_path: Path) -> None:
    """The documented client runs where the documentation says, in virtual time, and every claim holds."""
    done = run("run", EXAMPLE, "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (unsupported,) = (cell for cell in cells(tmp_path / "runs").values() if cell["verdict"] == "unsupported")
    assert unsupported["doubt"] == "the scenario's client does not offer options-ping"


def test_mitigation_that_the_client_offers(tmp_path: Path) -> None:
    """A client that offers a mitigation is asked for it, by the name it has in scenarios, and its cell is run."""
    file = tmp_path / "offers.yaml"
    file.write_text(
        "title: offers\ntopology: net.yaml\ntransport: tcp\nmiddlebox: never-forgets\nstrategy: options-ping-25s\n"
        f"client: {{ command: [python3, '{ODD}', offers], environment: {{ NOTHING: much }} }}\n"
        "probes: [{ at: 40 s }]\nends: 50 s\nclaims: [{ verdict: pass }]\n"
    )
    (tmp_path / "net.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    done = run("run", file, "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (record,) = (tmp_path / "runs" / "latest").glob("cells/*/record.jsonl")
    (asked,) = (line for line in map(json.loads, record.read_text().splitlines()) if line["ev"] == "other")
    assert (asked["who"], asked["said"]) == ("client", "asked")
    assert json.loads(asked["fields"]) == {"of": [{"kind": "options-ping", "interval": 25.0}]}


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """One cell for each fault; scenario and client lie in a folder that a guest's own /tmp would cover."""
    home = tmp_path_factory.mktemp("odd")
    (home / "odd.py").write_bytes(ODD.read_bytes())
    files = []
    for fault in FAULTS:
        file = home / f"{fault}.yaml"
        file.write_text(
            f"title: {fault}\ntopology: net.yaml\ntransport: tcp\nmiddlebox: never-forgets\n"
            f"client: {{ command: [python3, odd.py, {fault}] }}\nprobes: [{{ at: 40 s }}]\nends: 50 s\n"
        )
        files.append(file)
    (home / "net.yaml").write_bytes((ROOT / "topologies" / "home-nat.yaml").read_bytes())
    done = run("run", *files, "--clock", "virtual", "--out", home / "runs", home=home)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return {scenario: cell for (scenario, _), cell in cells(home / "runs").items()}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FAULTS)
def test_odd_client(odd: dict[str, dict[str, Any]], fault: str) -> None:
    """It is told what it did; what it did not show is not made up."""
    verdict, text = FAULTS[fault]
    cell = odd[fault]
    assert cell["verdict"] == verdict
    assert text in (cell["doubt"] or cell["cause"]["text"])
