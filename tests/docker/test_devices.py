"""What a phone's system does to its app, where the app is a container."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import docker
import pytest

from lab.backends import daemon
from tests.e2e.lab_command import ROOT, processes_of, run, start, wait_until

pytestmark = [pytest.mark.docker, pytest.mark.e2e, pytest.mark.timeout(400), pytest.mark.usefixtures("names")]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with topologies, and the scenario."""
    folder = tmp_path_factory.mktemp("devices")
    shutil.copytree(ROOT / "topologies", folder / "topologies")
    shutil.copy(HERE / "devices.yaml", folder)
    return folder


@pytest.mark.alone  # its faults last seconds, and the lab doubts those that end much later
def test_a_device_of_containers(tmp_path: Path, project: Path) -> None:
    """The claims hold as on bare namespaces; a client that stands still sends nothing, and its kernel acknowledges."""
    done = run("run", project / "devices.yaml", "--backend", "docker", "--json", "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    folders = {cell["name"]: tmp_path / "latest" / cell["folder"] for cell in json.loads(done.stdout)["cells"]}
    lines = (folders["tls,suspended"] / "record.jsonl").read_text("utf-8").splitlines()
    packets = [event for event in map(json.loads, lines) if event["ev"] == "packet" and "5099" not in event["dst"]]
    sent = [one for one in packets if one["from"] == "client" and 3.0 < one["t"] < 9.9]
    assert [one for one in sent if one["payload"]] == []
    assert [one for one in sent if one["flags"] == "A"]
    told = (folders["udp,killed"] / "record.jsonl").read_text("utf-8")
    assert told.count('"ev":"registered"') == 2


@pytest.mark.parametrize("state", ["suspended", "killed", "started"])
def test_kill_9(
    tmp_path: Path, project: Path, api: docker.APIClient, untouched: Callable[[], None], state: str
) -> None:
    """A paused container, and the spare one of a client that is to be started again, go too."""
    out = tmp_path / "runs"
    process = start("run", project / "devices.yaml", "--backend", "docker", "--only", "device=killed", "--out", out,
                    home=tmp_path)  # fmt: skip
    wait_until(
        state, lambda: any(f'"state":"{state}"' in path.read_text() for path in out.glob("*/cells/*/record.jsonl"))
    )
    process.kill()
    process.communicate()
    wait_until("all processes gone", lambda: not processes_of(process.pid))
    assert run("clean", home=tmp_path).returncode == 0
    found = api.containers(all=True, filters={"label": daemon.RUN})
    assert [one for one in found if one["Labels"][daemon.RUN].endswith(f"-{process.pid}")] == []
    untouched()
