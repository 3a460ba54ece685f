"""``lab run --backend docker``: the same verdicts, nothing left, and whose fault it is when it cannot be."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from lab.backends import daemon
from lab.engine.cell_run import CellRun
from lab.fidelity.comparable_events import furthest_apart, moments
from tests.e2e.lab_command import ROOT, SHORT, environment, processes_of, run, start, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.usefixtures("names")]

HERE = Path(__file__).parent
APART_S = 2.0
"""How far apart an event may be between two runs in real time on a busy machine; causes are seconds apart."""


def _containers(api: docker.APIClient, lab: int, **filters: str) -> list[dict[str, Any]]:
    """The containers of a run of the ``lab`` process of that id."""
    found = api.containers(all=True, filters={"label": daemon.RUN, **filters})
    return [each for each in found if each["Labels"][daemon.RUN].endswith(f"-{lab}")]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with topologies, for scenarios of these tests."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "topologies", folder / "topologies")
    return folder


@pytest.mark.alone  # its faults last seconds, and the lab doubts those that end much later
@pytest.mark.parametrize("file", ["faults.yaml", "move.yaml"])
def test_the_same_as_on_bare_namespaces(tmp_path: Path, project: Path, file: str) -> None:
    """Verdicts, causes and their times, and the events of each cell are the same, whatever a fault reaches into."""
    shutil.copy(HERE / file, project)
    reports, records = [], []
    for backend in ("netns", "docker"):
        out = tmp_path / backend
        done = run(
            "run", project / file, "--clock", "real", "--backend", backend, "--json", "--out", out, home=tmp_path
        )
        assert done.returncode == 0, done.stderr
        reports.append(json.loads(done.stdout))
        cells = reports[-1]["cells"]
        folders = [out / "latest" / cell["folder"] for cell in cells]
        records.append([moments(CellRun.open(each).evidence.entries) for each in folders])
    assert [report["backend"] for report in reports] == ["netns", "docker"]
    seen = [
        [(cell["name"], cell["verdict"], cell["cause"] and cell["cause"]["kind"]) for cell in report["cells"]]
        for report in reports
    ]
    assert seen[0] == seen[1]
    assert {"pass", "fail"} >= {verdict for _, verdict, _ in seen[0]}
    for cell, bare, contained in zip(seen[0], *records, strict=True):
        assert furthest_apart(bare, contained, within=APART_S) < APART_S, cell


def test_what_a_run_leaves(tmp_path: Path, api: docker.APIClient, untouched: Callable[[], None]) -> None:
    """The same files as ever, all that actors were given included, and no container, link or mount."""
    process = start("run", SHORT, "--backend", "docker", "--out", tmp_path / "runs", "--json", home=tmp_path)
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    assert not _containers(api, process.pid)
    untouched()
    assert not list((tmp_path / "state").rglob("*.jsonl"))
    for cell in json.loads(out)["cells"]:
        folder = tmp_path / "runs" / "latest" / cell["folder"]
        left = {path.name for path in folder.iterdir()}
        assert left >= {"cell.json", "record.jsonl", "client.log", "cell.pcapng"}
        assert "lan.pcapng" not in left  # it is in the cell's
        assert "client-memory.json" not in left  # made for a mitigation that is not in this cell
        assert "CLIENT_RANDOM" in (folder / "tls.keys").read_text()
        assert "NOTIFY" in (folder / "client.log").read_text()


def test_a_mitigation_that_remembers(tmp_path: Path, project: Path) -> None:
    """What a mitigation writes down between the client's lives is in the cell's folder, as under netns."""
    scenario = project / "remembers.yaml"
    learns = "{ name: learns, mitigations: [ hold-transport, { adaptive: { start: 1 s, longest: 2 s } } ] }"
    text = SHORT.read_text().replace("[none, hold-transport]", f"[none, {learns}]")
    scenario.write_text(text.replace("ends: 6 s", "ends: 15 s"))
    done = run("run", scenario, "--backend", "docker", "--only", "strategy=learns", "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    memory = tmp_path / "latest" / "cells" / "learns" / "client-memory.json"
    assert json.loads(memory.read_text())["safe"] > 1


def _cell(out: Path, name: str) -> bool:
    return any(out.glob(f"*/cells/none*/{name}"))


Moment = Callable[[Path, docker.APIClient, int], object]
MOMENTS: dict[str, Moment] = {
    "world started": lambda out, api, pid: processes_of(pid),
    "keepers started": lambda out, api, pid: _cell(out, "client.out"),
    "first container made": lambda out, api, pid: _containers(api, pid),
    "first container started": lambda out, api, pid: _containers(api, pid, status="running"),
    "all containers started": lambda out, api, pid: len(_containers(api, pid, status="running")) == 8,
    "network planned": lambda out, api, pid: _cell(out, "network.txt"),
    "client up": lambda out, api, pid: any(path.stat().st_size for path in out.glob("*/cells/*/client.log")),
    "subscribed": lambda out, api, pid: any(
        '"subscribed"' in path.read_text() for path in out.glob("*/cells/*/record.jsonl")
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_kill_9(tmp_path: Path, api: docker.APIClient, untouched: Callable[[], None], moment: str) -> None:
    """Whenever `lab` is killed, what runs ends by itself; `lab clean` removes what was not running yet."""
    out = tmp_path / "runs"
    process = start("run", SHORT, "--backend", "docker", "--out", out, home=tmp_path)
    wait_until(moment, lambda: MOMENTS[moment](out, api, process.pid))
    process.kill()
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    wait_until("nothing runs", lambda: not _containers(api, process.pid, status="running"))
    cleaned = run("clean", home=tmp_path)
    assert cleaned.returncode == 0, cleaned.stderr
    assert not _containers(api, process.pid)
    untouched()
    assert run("clean", home=tmp_path).stdout == "nothing to clean\n"


@pytest.mark.leaves
def test_killed_while_frozen(tmp_path: Path, api: docker.APIClient, project: Path) -> None:
    """A frozen server does not hear that its input ended; the next run removes it, and works."""
    scenario = project / "frozen.yaml"
    text = SHORT.read_text().replace("[none, hold-transport]", "[none]").replace("ends: 6 s", "ends: 60 s")
    scenario.write_text(text + "faults: [ { server-freeze: { at: 2 s, lasts: 50 s } } ]\n")
    process = start("run", scenario, "--backend", "docker", "--out", tmp_path / "runs", home=tmp_path)
    wait_until("frozen", lambda: _containers(api, process.pid, status="paused"), within=60)
    process.kill()
    process.communicate()
    wait_until("the others gone", lambda: len(_containers(api, process.pid)) == 1)
    after = run("run", SHORT, "--clock", "real", "--out", tmp_path / "runs", home=tmp_path)
    assert after.returncode == 0, after.stdout + after.stderr
    assert f"-{process.pid}-none-server of the killed run" in after.stdout
    assert not _containers(api, process.pid)


@pytest.mark.leaves
def test_killed_and_then_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Docker, what a killed run may have left stops no other run; `lab clean` insists."""
    state = tmp_path / "state" / "lab"
    state.mkdir(parents=True)
    entries = [{"what": what, "pid": 2**22 - 1, "started": 1} for what in ("owner", "containers")]
    (state / "killed-run-4194303.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    done = run("run", SHORT, "--clock", "real", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "note: left by a killed run: containers of the killed run killed-run-4194303" in done.stdout
    cleaned = run("clean", home=tmp_path)
    assert cleaned.returncode == 5
    assert "lab.run=killed-run-4194303" in cleaned.stderr
    monkeypatch.delenv("DOCKER_HOST")
    assert run("clean", home=tmp_path).stdout == "closed the ledger of the killed run killed-run-4194303\n"


@pytest.mark.leaves
def test_interrupted(tmp_path: Path, api: docker.APIClient) -> None:
    """Ctrl-C: status 130, and when `lab` has ended no container is left."""
    process = start("run", SHORT, "--backend", "docker", "--out", tmp_path / "runs", home=tmp_path)
    wait_until("containers run", lambda: _containers(api, process.pid, status="running"))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130, errors
    assert not _containers(api, process.pid)
    assert not list((tmp_path / "state").rglob("*.jsonl"))


# Whose fault


def test_no_virtual_time(tmp_path: Path) -> None:
    """Containers live in this machine's time: to ask for both is the user's mistake."""
    done = run("run", SHORT, "--backend", "docker", "--clock", "virtual", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 2
    assert "containers run on this machine's kernel, in real time" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("unix:///nowhere/docker.sock", "no Docker daemon answers at /nowhere/docker.sock (No such file or directory)"),
        ("tcp://127.0.0.1:1", "containers of another machine cannot be wired from here"),
    ],
)
def test_no_daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    """Nobody there, or elsewhere: the host's fault, and what to do."""
    monkeypatch.setenv("DOCKER_HOST", address)
    done = run("run", SHORT, "--backend", "docker", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == 3
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()


def test_ordinary_user(tmp_path: Path) -> None:
    """Who may not enter namespaces is told so, whatever the daemon would allow."""
    process = start(
        *("run", SHORT, "--backend", "docker", "--out", tmp_path / "runs"), home=tmp_path, ordinary_user=True
    )
    _, errors = process.communicate()
    assert process.returncode == 3
    assert "only root can enter the network namespaces of containers" in errors
    assert not (tmp_path / "runs").exists()


def test_missing_image(tmp_path: Path) -> None:
    """Sources that no image was built of: the host's fault, and the command that builds them."""
    copy = tmp_path / "checkout"
    for part in ("lab", "docker", "topologies"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, copy)
    with (copy / "lab" / "__init__.py").open("a") as file:
        file.write("# newer than all images\n")
    shutil.copy(SHORT, copy)
    done = subprocess.run(
        [sys.executable, "-m", "lab", "run", "short.yaml", "--backend", "docker"],
        cwd=copy,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "no container image for: client, middlebox, server; `lab images build` makes them" in done.stderr


@pytest.fixture
def own_image(api: docker.APIClient, names: dict[str, str]) -> Iterator[str]:
    """An image with the example client in it, which is its own command as well."""
    dockerfile = f'FROM {names["server"]}\nCOPY client.py /client.py\nCMD ["python3", "/client.py"]\n'
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        tar.add((ROOT / "docs" / "examples" / "client.py").resolve(), "client.py")
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
    context.seek(0)
    name = f"lab-test-own-client:{os.getpid()}"  # other tests with this fixture may run at the same time
    said = list(api.build(fileobj=context, custom_context=True, tag=name, rm=True, decode=True))
    assert not [each for each in said if "error" in each]
    yield name
    api.remove_image(name)


IF_THERE = "test $HERE = there && exec python3 /client.py"


@pytest.mark.parametrize("command", ["", f", command: [sh, -c, '{IF_THERE}'], environment: {{ HERE: there }}"])
def test_own_client(tmp_path: Path, project: Path, own_image: str, command: str) -> None:
    """A client of the author's in an image of the author's, by its own command or another, is reached like any."""
    scenario = project / "own.yaml"
    text = SHORT.read_text().replace("[none, hold-transport]", "[none]")
    scenario.write_text(text + f"client: {{ image: '{own_image}'{command} }}\n")
    done = run("run", scenario, "--backend", "docker", "--out", tmp_path, "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (cell,) = json.loads(done.stdout)["cells"]
    assert cell["verdict"] == "pass"
    assert '"who":"client","ev":"transport"' in (tmp_path / "latest/cells/none/record.jsonl").read_text()


@pytest.mark.alone  # a client has five seconds to end
def test_check_of_a_clients_image(tmp_path: Path, own_image: str) -> None:
    """`lab actor check` tries a client in its image; one that is not there is the host's fault."""
    done = run("actor", "check", "--image", own_image, "--json", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["conforms"]
    assert report["image"] == own_image
    again = run(
        "actor",
        "check",
        "--image",
        own_image,
        "--transport",
        "tcp",
        "--",
        "sh",
        "-c",
        "read start; exit 3",
        home=tmp_path,
    )
    assert again.returncode == 1
    assert "ended by exit status 3" in again.stdout
    missing = run("actor", "check", "--image", "lab-no-such-image", home=tmp_path)
    assert missing.returncode == 3
    assert "Docker has no image lab-no-such-image" in missing.stderr


OWN = "client: {{ account: subscribe, {client} }}\n"


@pytest.mark.parametrize(
    ("client", "status", "said"),
    [
        ("image: lab-no-such-image", 3, "Docker has no image lab-no-such-image; `docker pull lab-no-such-image`"),
        ("command: [cat]", 2, "a container needs an image, got `cat`"),
    ],
)
def test_own_client_refused(tmp_path: Path, project: Path, client: str, status: int, said: str) -> None:
    """A client of the author's needs an image that is there."""
    scenario = project / "own.yaml"
    scenario.write_text(SHORT.read_text() + OWN.format(client=client))
    done = run("run", scenario, "--backend", "docker", "--out", tmp_path / "runs", home=tmp_path)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert not (tmp_path / "runs").exists()
