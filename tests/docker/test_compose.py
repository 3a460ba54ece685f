"""docker-compose.yml: three containers to poke at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from lab.errors import HostNotCapable
from tests.docker.provision import image, unavailable
from tests.e2e.lab_command import ROOT, wait_until

pytestmark = pytest.mark.timeout(600)
SOON_S = 90.0
"""For what needs a second or two on an idle machine."""


class Compose:
    """One project of the compose file, with networks of its own."""

    def __init__(self) -> None:
        self.project = f"labtest{os.getpid()}"
        number = os.getpid() % 256
        self.settings = {
            "LAB_INSIDE_NET": f"10.78.{number}",
            "LAB_OUTSIDE_NET": f"198.19.{number}",
            "LAB_JSON": "1",
            **{f"LAB_{kind.upper()}_IMAGE": image(kind) for kind in ("server", "middlebox", "client")},
        }
        if shutil.which("docker-compose"):
            self._command = ["docker-compose"]
        elif subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            self._command = ["docker", "compose"]
        else:
            unavailable(HostNotCapable("docker-compose is missing", fix="apt-get install docker-compose"))

    def __call__(self, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._command, "--project-name", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, **self.settings, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, **settings: str) -> None:
        done = self("up", "-d", **settings)
        assert done.returncode == 0, done.stderr + self("logs").stdout
        wait_until("the client is subscribed", lambda: self.events("client", "subscribed"), within=SOON_S)

    def tell(self, what: str) -> tuple[int, dict[str, Any]]:
        """Have the server reach for the client; exit status and what became of it."""
        done = self("exec", "-T", "server", "lab", "actor", "tell", what, "--json")
        return done.returncode, json.loads(done.stdout)

    def events(self, service: str, ev: str, **fields: str) -> list[dict[str, Any]]:
        """What a service has printed so far of these."""
        lines = (line for name in self._containers(service) for line in _docker("logs", name).splitlines())
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [event for event in found if event["ev"] == ev and event.items() >= fields.items()]

    def container(self, service: str) -> dict[str, Any]:
        """What Docker says of a service's container."""
        (name,) = self._containers(service)
        inspected: dict[str, Any] = json.loads(_docker("inspect", name))[0]
        return inspected

    def _containers(self, service: str) -> list[str]:
        labels = {"project": self.project, "service": service}
        filters = (f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items())
        return _docker("ps", "-aq", *filters).split()

    def left(self) -> str:
        """Containers, networks and volumes of the project."""
        mine = f"--filter=label=com.docker.compose.project={self.project}"
        return "".join(
            _docker(*each, mine) for each in (["ps", "-aq"], ["network", "ls", "-q"], ["volume", "ls", "-q"])
        )


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, text=True, check=True).stdout


@pytest.fixture
def compose() -> Iterator[Compose]:
    """A project that is not up yet; nothing of it is left."""
    project = Compose()
    yield project
    done = project("down", "--volumes")
    assert done.returncode == 0, done.stderr
    assert project.left() == ""


def test_the_flow_dies_behind_the_middlebox_and_lives_with_a_keep_alive(compose: Compose) -> None:
    """Twice a silence longer than the middlebox's patience: once without a word, once with CRLF every 10 s."""
    soon = {"LAB_FORGETS_AFTER": "25"}
    compose.up(LAB_STRATEGY="hold-transport", **soon)
    assert compose.events("client", "notify")  # it could be reached, at first
    wait_until("it forgets", lambda: compose.events("middlebox", "mapping", state="destroyed"), within=SOON_S)
    status, probe = compose.tell("notify")
    assert (status, probe["state"], probe["reason"]) == (1, "failed", "timeout")

    compose.up(LAB_STRATEGY="crlf-10s-hold", **soon)
    *_, flow = compose.events("server", "flow", state="secured")
    wait_until(
        "three pings, 30 s",
        lambda: len(compose.events("server", "crlf-ping", flow=flow["id"])) > 2,
        within=SOON_S,
    )
    status, probe = compose.tell("notify")
    assert (status, probe["state"], probe["peer"]) == (0, "answered", flow["peer"])
    assert not compose.events("middlebox", "mapping", state="destroyed", outside=flow["peer"])


def test_nobody_has_more_rights_than_needed_and_another_client_can_be_run(compose: Compose) -> None:
    compose.up(LAB_TRANSPORT="tcp")
    rights = {"server": None, "middlebox": ["NET_ADMIN", "NET_RAW"], "client": ["NET_ADMIN", "SETGID", "SETUID"]}
    for service, allowed in rights.items():
        inspected = compose.container(service)
        config = inspected["HostConfig"]
        assert not config["Privileged"]
        assert config["ReadonlyRootfs"]
        assert config["CapDrop"] == ["ALL"]
        assert config["CapAdd"] == allowed
        mounts = [mount["Destination"] for mount in inspected["Mounts"] if mount["Type"] != "tmpfs"]
        assert mounts == ([] if service == "middlebox" else ["/tls"])
    status = compose("exec", "-T", "client", "cat", "/proc/1/status").stdout
    now = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert now["CapEff"] == now["CapPrm"] == "0" * 16
    assert now["Uid"].split() == ["1000"] * 4

    another = ("client", "lab", "actor", "run", "client")
    wrong = compose("run", "--rm", *another, "--strategy", "nonsense")
    assert wrong.returncode == 2
    assert "unknown strategy, got nonsense" in wrong.stdout + wrong.stderr
    compose("run", "-d", *another, "--transport", "udp", "--strategy", "none")
    wait_until("two are subscribed", lambda: len(compose.events("server", "server-subscription")) > 1, within=SOON_S)
    flows = [event for event in compose.events("server", "flow") if event["state"] == "accepted"]
    assert {flow["transport"] for flow in flows} == {"tcp", "udp"}


def test_settings_that_a_profile_needs_are_asked_for(compose: Compose) -> None:
    """A middlebox that picks flows up again needs another kernel setting, which only Docker can give it."""
    refused = compose("run", "--rm", "--no-deps", "middlebox", LAB_MIDDLEBOX="repickup-60s")
    assert refused.returncode == 3
    assert "LAB_TCP_LOOSE=1 docker-compose up" in refused.stdout + refused.stderr
    compose("up", "-d", "middlebox", LAB_MIDDLEBOX="repickup-60s", LAB_TCP_LOOSE="1")
    wait_until("it is there", lambda: compose.events("middlebox", "ready", profile="repickup-60s"), within=SOON_S)
