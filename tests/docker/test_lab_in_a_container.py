"""The lab itself as a container, virtual time inside, with nothing beyond what Docker gives everybody."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.provision import image
from tests.e2e.lab_command import wait_until

SCENARIO = "scenarios/article/idle-subscription.yaml"
STRICT = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp:exec")

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder that anybody may write to: the image's user is not ours."""
    folder = tmp_path / "runs"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.mark.parametrize("options", [(), STRICT], ids=["docker's defaults", "no capability, read-only, no network"])
def test_a_scenario_runs_in_virtual_time(runs: Path, options: tuple[str, ...]) -> None:
    command = ("lab", "run", SCENARIO, "--clock", "virtual", "--json")
    done = subprocess.run(
        ["docker", "run", "--rm", *options, "-v", f"{runs}:/runs", image("lab"), *command],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the container is the sandbox" in done.stderr
    report = json.loads(done.stdout)
    verdicts = {cell["axes"]["strategy"]: cell["verdict"] for cell in report["cells"]}
    assert verdicts == {
        "none": "fail",
        "options-ping-25s": "pass",
        "options-ping-40s": "fail",
        "hold-transport": "pass",
    }
    (folder,) = (each for each in runs.iterdir() if not each.is_symlink())
    assert json.loads((folder / "report.json").read_text()) == report


@pytest.fixture
def container() -> Iterator[str]:
    """The lab's container, waiting; what is started in it is not its first process."""
    name = f"lab-test-{uuid.uuid4().hex[:8]}"
    subprocess.run(
        ["docker", "run", "--rm", "--detach", "--init", "--name", name, image("lab"), "sleep", "1000"],
        check=True,
        capture_output=True,
    )
    yield name
    subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)


def _commands(container: str) -> list[str]:
    shown = subprocess.run(["docker", "top", container, "-eo", "pid,args"], capture_output=True, text=True, check=True)
    return shown.stdout.splitlines()[1:]


def test_a_killed_lab_leaves_no_guest_running(container: str) -> None:
    """The guest's processes are not held together by a PID namespace here, so the supervisor's guard ends them."""
    forever = ("lab", "run", "scenarios/article/idle-behind-nat.yaml", "--clock", "virtual", "--jobs", "1")
    subprocess.run(["docker", "exec", "--detach", container, *forever], check=True)
    wait_until("a guest runs", lambda: sum("time-travel" in line for line in _commands(container)) > 3, within=60)
    kill = "for each in /proc/[0-9]*; do grep -qa 'bin/lab.ru[n]' $each/cmdline && kill -9 ${each#/proc/}; done; true"
    subprocess.run(["docker", "exec", container, "sh", "-c", kill], check=True, capture_output=True)
    wait_until("all is over", lambda: len(_commands(container)) == 2, within=60)
    assert not [line for line in _commands(container) if "linux" in line or "python" in line]


def test_in_the_hosts_pid_namespace_a_container_is_no_sandbox() -> None:
    """There bubblewrap is the only one, as outside; it cannot work, so nothing is run."""
    done = subprocess.run(
        ["docker", "run", "--rm", "--pid=host", image("lab"), "lab", "run", SCENARIO, "--clock", "virtual"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "the container is the sandbox" not in done.stdout + done.stderr
    assert done.stderr.startswith("host error: virtual time needs a sandbox, which bubblewrap cannot make here")
