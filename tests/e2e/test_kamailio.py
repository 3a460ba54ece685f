"""Kamailio and the scripted server: the same scenarios, the same verdicts and causes, in virtual and in real time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from lab.actors.kamailio import child
from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(child.program() is None, reason=f"needs `apt-get install {' '.join(child.PACKAGES)}`"),
    pytest.mark.timeout(300),
]

ARTICLE = ROOT / "scenarios" / "article"

BOTH = """\
title: A short silence
topology: {topology}
middlebox: {{ name: forgets-soon, base: silent-60s, established-idle-timeout: 4 s }}
transport: tls
matrix:
  strategy: [none]
  server: [scripted, kamailio]
probes: [{{ at: 1 s }}, {{ at: 7 s }}]
ends: 13 s
claims:
  - {{ server: [scripted, kamailio], verdict: fail, cause: middlebox-forgot-flow, at: 5 s, within: 1 s }}
"""

RINGING = """\
title: A client that rings for longer than it may take to answer
topology: home-nat
middlebox: never-forgets
transport: tcp
matrix:
  server: [scripted, kamailio]
  failure:
    - { name: nothing }
    - { name: lost, faults: [black-hole: { at: while the INVITE is pending, node: internet }] }
probes: [{ at: 8 s, kind: invite, ring: 6 s, within: 2 s, hold: 2 s }]
ends: 26 s
claims:
  - { failure: nothing, verdict: pass }
  - { verdict: fail, cause: flow-black-holed, at: 8 s }
"""


@pytest.fixture(scope="module", autouse=True)
def _kernel() -> None:
    """There is a kernel for virtual time; it is built if it is not (two or three minutes)."""
    if kernel.find() is None:
        kernel.build()


@pytest.mark.parametrize("name", ["idle-subscription", "idle-behind-nat", "silent-call"])
def test_the_article_s_claims_hold_with_kamailio(name: str, tmp_path: Path) -> None:
    """They were made of the scripted server: verdict, cause and its moment."""
    done = run(
        *("run", ARTICLE / f"{name}.yaml", "--clock", "virtual", "--server", "kamailio", "--json"),
        *("--out", tmp_path / "runs"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert cells
    assert all(cell["claim"]["holds"] for cell in cells)
    folder = tmp_path / "runs" / "latest" / "cells" / cells[0]["name"]
    assert "loadmodule" in (folder / "kamailio.cfg").read_text("utf-8")
    assert "@lab ready" in (folder / "server.log").read_text("utf-8")
    assert json.loads((folder / "kamailio.json").read_text("utf-8"))["statistics"]["core:rcv_requests_subscribe"] == 1


FIELD = [
    ("expired-certificate", "reconnect,expired-closed", "PJSIP_TLS_ECERTVERIF"),
    ("revoked-client-certificate", "reconnect,revoked-closed", "certificate verify failed"),
    ("dns-failure", "reconnect,servfail-closed", '"answer": "servfail"'),
]
"""Scenarios; of each a cell that a fault has struck, and what the record has of the harm."""


@pytest.mark.parametrize(("name", "struck", "harm"), FIELD, ids=[name for name, _, _ in FIELD])
def test_names_and_certificates(name: str, struck: str, harm: str, tmp_path: Path) -> None:
    """The claims hold that were made of the scripted server; the cause stands on the harm, as its side tells it."""
    done = run(
        *("run", ROOT / "scenarios" / "field" / f"{name}.yaml", "--clock", "virtual", "--server", "kamailio", "--json"),
        *("--out", tmp_path / "runs"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["name"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert all(cell["claim"]["holds"] for cell in cells.values())
    record = (tmp_path / "runs" / "latest" / cells[struck]["folder"] / "record.jsonl").read_text("utf-8").splitlines()
    _, line = cells[struck]["cause"]["evidence"]
    assert harm in json.dumps(json.loads(record[line - 1]))


def test_a_server_that_moves(tmp_path: Path) -> None:
    """Kamailio serves at both addresses: the pings go to the new one, the subscription stays with the old one."""
    done = run(
        *(
            "run",
            ROOT / "scenarios" / "field" / "dns-change.yaml",
            "--clock",
            "virtual",
            "--server",
            "kamailio",
            "--json",
        ),
        *("--only", "strategy=options-25s-drop-reconnect", "--out", tmp_path / "runs"),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {cell["axes"]["failure"]: cell for cell in json.loads(done.stdout)["cells"]}
    assert {name: cell["claim"]["holds"] for name, cell in cells.items()} == dict.fromkeys(
        ("moved", "moved-closed", "moved-silent"), True
    )
    folder = tmp_path / "runs" / "latest" / cells["moved-silent"]["folder"]
    lines = [json.loads(line) for line in (folder / "record.jsonl").read_text("utf-8").splitlines()]
    own = {line["id"]: line["own"] for line in lines if (line["who"], line["ev"]) == ("server", "flow")}
    requests = [
        (line["method"], own[line["flow"]]) for line in lines if (line["who"], line["ev"]) == ("server", "request")
    ]
    assert requests[0] == ("SUBSCRIBE", "203.0.113.10:5061")
    assert set(requests[1:]) == {("OPTIONS", "203.0.113.20:5061")}


@pytest.mark.parametrize("clock", ["real", "virtual"])
def test_a_matrix_of_servers(clock: str, tmp_path: Path) -> None:
    """In one run, side by side."""
    topology = tmp_path / "home-nat.yaml"
    topology.write_text((ROOT / "topologies" / "home-nat.yaml").read_text("utf-8"), "utf-8")
    scenario = tmp_path / "both.yaml"
    scenario.write_text(BOTH.format(topology="./home-nat.yaml"), "utf-8")
    done = run("run", scenario, "--clock", clock, "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert [cell["axes"]["server"] for cell in cells] == ["scripted", "kamailio"]


def test_a_call_that_rings_is_the_same_with_both(tmp_path: Path) -> None:
    """Its 180 is told, a fault can go by it, and the time to answer counts from the end of the ringing."""
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    scenario = tmp_path / "ringing.yaml"
    scenario.write_text(RINGING, "utf-8")
    done = run("run", scenario, "--clock", "virtual", "--json", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = json.loads(done.stdout)["cells"]
    assert len(cells) == 4
    for cell in cells:
        record = (tmp_path / "runs" / "latest" / cell["folder"] / "record.jsonl").read_text("utf-8")
        (rings,) = (line for line in map(json.loads, record.splitlines()) if line.get("state") == "ringing")
        assert (rings["ev"], rings["code"]) == ("probe", 180)


def test_what_it_cannot_do_is_said(tmp_path: Path) -> None:
    """Such a cell is not run, and never passes."""
    done = run(
        *("run", ARTICLE / "server-keeps-alive.yaml", "--server", "kamailio", "--json", "--out", tmp_path / "runs"),
        *("--only", "strategy=server-crlf-25s", "--clock", "virtual"),
        home=tmp_path,
    )
    (cell,) = json.loads(done.stdout)["cells"]
    assert cell["verdict"] == "unsupported"
    assert "CRLF" in cell["doubt"]
