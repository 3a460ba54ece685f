"""What the images are, and what they do without."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from lab.backends import images
from tests.docker.provision import image

BARE = ("--network=none", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--tmpfs=/tmp")

pytestmark = pytest.mark.timeout(600)  # whoever comes first builds


def _docker(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *arguments], input=given, capture_output=True, text=True, check=False)


def _run(kind: str, command: Sequence[str]) -> str:
    done = _docker("run", "--rm", *BARE, image(kind), *command)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("kind", images.USUAL)
def test_nobody_is_root_and_nobody_can_become_it(kind: str) -> None:
    """An ordinary user, and no program that would make another of it."""
    assert _run(kind, ["id", "-u"]).strip() == "1000"
    found = _docker("run", "--rm", "--user=root", image(kind), "find", "/", "-xdev", "-perm", "/6000", "-type", "f")
    assert (found.returncode, found.stdout) == (0, "")


@pytest.mark.parametrize("kind", images.USUAL)
def test_the_lab_runs_from_a_read_only_root_without_any_capability(kind: str) -> None:
    assert _run(kind, ["lab", "--version"]).startswith("lab ")


@pytest.mark.parametrize("kind", images.USUAL)
def test_byte_code_is_there_and_fits(kind: str) -> None:
    """Python takes it as it is: nothing is compiled again at each start."""
    script = "import sys; sys.dont_write_bytecode = True; import lab.actors.stdio, lab.cli.main, pydantic"
    told = _docker("run", "--rm", *BARE, image(kind), "python", "-v", "-c", script).stderr
    ours = [line for line in told.splitlines() if "dist-packages" in line and line.startswith("# ")]
    assert any("matches" in line for line in ours)
    assert not [line for line in ours if "code object from" in line and ".py'" in line and "pyc" not in line]


@pytest.mark.parametrize(
    ("kind", "programs"),
    [
        ("client", ["python", "-c", "import pjsua2; pjsua2.Endpoint"]),
        ("kamailio", ["/usr/sbin/kamailio", "-v"]),
        ("middlebox", ["sh", "-c", "nft --version && conntrack --version && ip -V"]),
        ("lab", ["sh", "-c", "/var/cache/lab/kernels/*/linux --version && ls /scenarios/article"]),
    ],
)
def test_what_each_is_for_is_there(kind: str, programs: list[str]) -> None:
    assert _run(kind, programs) or kind == "client"


def test_the_server_is_ready_as_a_node_of_a_container() -> None:
    start: dict[str, Any] = {"do": "start", "address": "127.0.0.1", "ports": {"tcp": 5060, "udp": 5060}}
    start |= {"subscription_expires": 600, "registration_expires": 300, "notify_route": "flow", "answers_crlf": True}
    actor = ["python", "-m", "lab.actors.stdio", "lab.servers.scripted.actor:main"]
    run = ["docker", "run", "--rm", "-i", *BARE, image("server"), *actor]
    with subprocess.Popen(run, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({**start, "seed": 1}).encode() + b"\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["ev"] == "server-ready"
        process.stdin.write(b'{"do": "stop"}\n')
        process.stdin.flush()
        assert process.stdout.read() == b""
        assert process.wait() == 0


def test_building_again_does_nothing() -> None:
    name = image("server")
    before = _docker("image", "inspect", "--format", "{{.Id}}", name).stdout
    steps: list[images.Progress] = []
    assert images.build(["server"], steps.append) == []
    assert steps == []
    assert _docker("image", "inspect", "--format", "{{.Id}}", name, images.latest("server")).stdout == before * 2


def test_an_image_of_other_sources_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    image("server")
    assert images.missing(["server"]) == []
    monkeypatch.setattr(images, "_ingredients", lambda _kind: {})
    assert images.missing(["server"]) == ["server"]


def test_they_are_listed_with_their_kind_and_size() -> None:
    name = image("server")
    (found,) = (each for each in images.images() if each.tag == name)
    assert (found.kind, found.current) == ("server", True)
    assert 50e6 < found.size < 250e6
