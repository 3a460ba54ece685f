"""Containers as nodes: what they may, and that actors in them are actors like any other."""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import docker
import pytest

from lab.backends import daemon
from lab.backends.base import ActorSpec, Command
from lab.backends.container_process import USER
from lab.backends.docker import ContainerActor, DockerBackend
from lab.clients.pjsip import client as pjsip_client
from lab.errors import HostNotCapable, LabFault
from lab.model.topology import Node, Role, Topology
from lab.network import netns
from lab.servers.scripted import actor as sip_server
from tests.e2e.lab_command import wait_until

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]  # the first test may have to build the images

RUN, OTHER, LIVE = (f"{name}-{os.getpid()}" for name in ("a-test", "another", "live"))
Open = Callable[..., DockerBackend]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A cell's folder."""
    return _folder(tmp_path)


def _folder(run: Path, cell: str = "none") -> Path:
    """A cell's folder in a run's, with certificates."""
    (run / "tls").mkdir()
    for name, mode in (("ca.pem", 0o644), ("server.pem", 0o644), ("server.key", 0o600)):
        (run / "tls" / name).touch(mode=mode)
    (run / "cells" / cell).mkdir(parents=True)
    return run / "cells" / cell


@pytest.fixture
def open_backend(names: dict[str, str], outside: int, folder: Path, api: docker.APIClient) -> Iterator[Open]:
    """Opens backends that are closed after the test, which must leave no container."""
    opened = []

    def open_one(nodes: list[Node], parts: dict[str, ActorSpec]) -> DockerBackend:
        opened.append(DockerBackend(nodes, parts, folder, run=RUN, images=names, outside=outside))
        return opened[-1]

    yield open_one
    for backend in opened:
        backend.close()
    wait_until("all containers gone", lambda: not _containers(api))


def _containers(api: docker.APIClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.containers(all=True, filters={"label": f"{daemon.RUN}={RUN}"})
    return found


SERVER = Node(name="server", role=Role.SERVER)


@pytest.fixture
def start(open_backend: Open, names: dict[str, str], folder: Path) -> Callable[[str], ContainerActor]:
    """Starts such an actor."""

    def start_one(code: str) -> ContainerActor:
        part = ActorSpec(Command(("python3", "-uc", code)), folder / "actor.out", names["server"])
        return open_backend([SERVER], {"server": part}).spawn("server", part.program, part.log)

    return start_one


def _first_line(actor: ContainerActor) -> str:
    actor.sock.settimeout(30)
    text = b""
    while not text.endswith(b"\n"):
        text += (piece := actor.sock.recv(1000))
        assert piece, "it ended without a line"
    return text.decode().strip()


# Breakout checklist


class Live(NamedTuple):
    """The containers of a cell with the lab's own actors.

    Attributes:
        nodes: as the daemon describes them, by node.
        folder: the cell's.
    """

    nodes: dict[str, dict[str, Any]]
    folder: Path


@pytest.fixture
def live(names: dict[str, str], one_home: Topology, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """One such cell."""
    folder = _folder(tmp_path_factory.mktemp("run"), "live")
    tls = folder.parent.parent / "tls"
    parts = {
        "client": ActorSpec(
            pjsip_client.main, folder / "client.out", "client", (tls / "ca.pem",), (folder / "client.log",)
        ),
        "server": ActorSpec(sip_server.main, folder / "server.out", "server", (tls,), (folder / "tls.keys",)),
    }
    outside = os.open("/proc", os.O_PATH)
    run = LIVE
    backend = DockerBackend(one_home.nodes, parts, folder, run=run, images=names, outside=outside)
    api = daemon.connect()
    found = api.containers(all=True, filters={"label": f"{daemon.RUN}={run}"})
    shown = [api.inspect_container(each["Id"]) for each in found]
    api.close()
    yield Live({each["Config"]["Labels"][daemon.NODE]: each for each in shown}, folder)
    backend.close()
    os.close(outside)


CAPABILITIES = {"home-nat": ["NET_ADMIN"]}
NET_ADMIN = 12  # linux/capability.h


def test_what_containers_are_given(live: Live) -> None:
    """Nothing but their files, nobody's privileges, no network; the middlebox alone may look at its rules."""
    assert sorted(live.nodes) == ["client", "home-nat", "internet", "server"]
    for node, shown in live.nodes.items():
        host = shown["HostConfig"]
        assert host["Privileged"] is False
        assert (host["CapAdd"] or [], host["CapDrop"]) == (CAPABILITIES.get(node, []), ["ALL"])
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["ReadonlyRootfs"] is True
        assert (host["NetworkMode"], list(shown["NetworkSettings"]["Networks"])) == ("none", ["none"])
        assert (host["PidMode"], host["UTSMode"], host["UsernsMode"]) == ("", "", "")
        assert host["IpcMode"] == "private"
        assert (host["Devices"] or [], host["DeviceRequests"] or [], host["PortBindings"] or {}) == ([], [], {})
        assert host["PidsLimit"] > 0
        assert shown["Config"]["User"] == ("0:0" if node == "home-nat" else f"{USER}:{USER}")
        assert shown["Config"]["Labels"] | {daemon.RUN: LIVE, daemon.CELL: "live"} == shown["Config"]["Labels"]


def test_what_they_see_of_the_host(live: Live) -> None:
    """Only files below the run folder, of which they may write those meant for them; no socket of the daemon's."""
    run, folder = live.folder.parent.parent, live.folder
    mounts = {
        node: {(mount["Source"], mount["RW"]) for mount in shown["Mounts"] if mount["Type"] != "tmpfs"}
        for node, shown in live.nodes.items()
    }
    assert mounts == {
        "client": {(str(run / "tls" / "ca.pem"), False), (str(folder / "client.log"), True)},
        "server": {(str(run / "tls"), False), (str(folder / "tls.keys"), True)},
        "home-nat": set(),
        "internet": set(),
    }
    assert not any("docker.sock" in json.dumps(shown["HostConfig"]) for shown in live.nodes.values())


LOOKS = """
import json, os
from pathlib import Path
def can(do):
    try: do()
    except OSError as problem: return type(problem).__name__ + str(problem.errno)
    return "yes"
status = dict(line.split(":\\t", 1) for line in Path("/proc/1/status").read_text().splitlines() if ":\\t" in line)
print(json.dumps({
    "effective": int(status["CapEff"], 16), "bounding": int(status["CapBnd"], 16),
    "no new privileges": status["NoNewPrivs"], "uid": status["Uid"].split()[0],
    "write": [can(lambda: Path(place, "x").write_text("")) for place in ("/", "/usr", "/etc", "/proc/sys/net")],
    "socket": Path("/var/run/docker.sock").exists() or Path("/run/docker.sock").exists(),
    "set-uid": [str(p) for p in Path("/usr").rglob("*") if p.is_file() and p.stat().st_mode & 0o6000],
    "disks": [name for name in os.listdir("/dev") if name.startswith(("sd", "vd", "nvme", "mem", "kmsg"))],
    "of Docker": [name for name in os.listdir("/sys/class/net") if name.startswith("eth")],
}))
"""


def test_what_they_can_do(live: Live, api: docker.APIClient) -> None:
    """Seen from inside: no capability, no place to write, no network, no disk, no set-uid program."""
    for node, shown in live.nodes.items():
        run = api.exec_create(shown["Id"], ["python3", "-c", LOOKS])
        seen = json.loads(api.exec_start(run["Id"]))
        allowed = 1 << NET_ADMIN if node == "home-nat" else 0
        assert (seen["effective"], seen["bounding"]) == (allowed, allowed), node
        assert seen["no new privileges"] == "1"
        assert seen["uid"] == ("0" if node == "home-nat" else str(USER))
        assert "yes" not in seen["write"]
        assert (seen["socket"], seen["set-uid"], seen["disks"], seen["of Docker"]) == (False, [], [], [])


def test_only_the_middlebox_shows_its_rules(live: Live, api: docker.APIClient) -> None:
    """`docker exec` looks at the middlebox's rules and connections; what it needs for that, a router has not."""
    for node, allowed in (("home-nat", True), ("internet", False)):
        for command in (["nft", "list", "ruleset"], ["conntrack", "-L"]):
            run = api.exec_create(live.nodes[node]["Id"], command)
            api.exec_start(run["Id"])
            assert (api.exec_inspect(run["Id"])["ExitCode"] == 0) is allowed, (node, command)


def test_files_are_handed_over(live: Live) -> None:
    """The server's key can be read by the containers' user, and by nobody new besides."""
    key = (live.folder.parent.parent / "tls" / "server.key").stat()
    assert (key.st_mode & 0o777, key.st_uid, key.st_gid) == (0o640, 0, USER)
    log = (live.folder / "client.log").stat()
    assert (log.st_mode & 0o777, log.st_uid) == (0o644, USER)


# Actors in containers


def test_channel_and_log(start: Callable[[str], ContainerActor], folder: Path) -> None:
    """Standard input and output are the channel, whatever the size; standard error is the log."""
    actor = start("import sys; print('to the log', file=sys.stderr); print(sys.stdin.readline(), end='')")
    actor.sock.sendall(b"x" * 199_999 + b"\n")
    assert _first_line(actor) == "x" * 199_999
    assert actor.wait(within=30) == 0
    assert (folder / "actor.out").read_text() == "to the log\n"


def test_ends_with_its_keeper(start: Callable[[str], ContainerActor], api: docker.APIClient) -> None:
    """Whoever keeps a container dies, by kill -9 even: its input ends, and the daemon removes it."""
    actor = start("import sys; print(); sys.stdin.read()")
    _first_line(actor)
    os.kill(actor.pid, signal.SIGKILL)
    wait_until("it is gone", lambda: not _containers(api))
    with pytest.raises(LabFault, match="keeping the container"):  # nobody takes that for the actor's end
        actor.wait()


THROUGH_STDIO = """
import os, types
sys.modules["crash"] = types.ModuleType("crash")
sys.modules["crash"].main = lambda sock: os.abort()
from lab.actors import stdio
stdio.main(["crash:main"])
"""
"""How the lab's own actors run, here one that a library aborts."""


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("raise SystemExit(7)", 7),
        ("", 0),
        (THROUGH_STDIO, -signal.SIGABRT),
    ],
)
def test_how_it_ended(start: Callable[[str], ContainerActor], code: str, status: int) -> None:
    """The exit status is the container's; 128 and more is a signal, as a shell says it."""
    actor = start(f"import sys; sys.stdin.readline()\n{code}")
    actor.sock.sendall(b"go\n")
    select.select([actor.ended], [], [], 30)
    assert actor.wait(within=0) == status


def test_an_abort_of_the_labs_actor_is_seen(open_backend: Open, folder: Path) -> None:
    """What ends an actor in an image of the lab's comes out as under netns: here Python's own SystemExit."""
    part = ActorSpec(pjsip_client.main, folder / "client.out", "client", (), ())
    actor = open_backend([Node(name="client", role=Role.CLIENT)], {"client": part}).spawn(
        "client", part.program, part.log
    )
    actor.sock.sendall(b'{"do": "nonsense"}\n')
    assert actor.wait(within=30) == 1
    assert "the first command is `start`" in (folder / "client.out").read_text()


def test_kill(start: Callable[[str], ContainerActor], api: docker.APIClient) -> None:
    """Killing removes the container, whatever it does, before it returns."""
    actor = start(
        "import signal, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint()\nwhile True: signal.pause()"
    )
    _first_line(actor)
    assert actor.kill() == -signal.SIGKILL
    assert not _containers(api)


def test_freeze(start: Callable[[str], ContainerActor], api: docker.APIClient) -> None:
    """Frozen, it answers nothing; thawed, it answers; frozen, it can be ended as well."""
    actor = start("import sys\nfor line in sys.stdin: print(line, end='')")
    actor.sock.sendall(b"one\n")
    assert _first_line(actor) == "one"
    assert actor.freeze() is True
    actor.sock.sendall(b"two\n")
    assert select.select([actor.sock], [], [], 1)[0] == []
    actor.thaw()
    assert _first_line(actor) == "two"
    actor.freeze()
    assert actor.kill() == -signal.SIGKILL
    assert not _containers(api)


def test_namespace(open_backend: Open, api: docker.APIClient) -> None:
    """The descriptor is the container's own network namespace."""
    backend = open_backend([SERVER], {})
    (container,) = _containers(api)
    pid = api.inspect_container(container["Id"])["State"]["Pid"]
    namespace = backend.make("server")
    with netns.entered(namespace):
        assert Path("/proc/thread-self/ns/net").readlink() == Path(f"/proc/{pid}/ns/net").readlink()
    os.close(namespace)


# What goes wrong


def test_no_such_program(open_backend: Open, names: dict[str, str], folder: Path) -> None:
    """A command that the image has not is said, with the daemon's words."""
    part = ActorSpec(Command(("no-such-program",)), folder / "client.out", names["server"])
    with pytest.raises(HostNotCapable, match="no-such-program in the image") as caught:
        open_backend([SERVER], {"server": part})
    assert "client.command" in caught.value.fix


def test_image_gone(open_backend: Open, folder: Path) -> None:
    """An image that has been removed since the run began is a host's error with what to do."""
    part = ActorSpec(Command(()), folder / "client.out", "lab-no-such-image")
    with pytest.raises(HostNotCapable, match="no image lab-no-such-image"):
        open_backend([SERVER], {"server": part})


def test_ends_at_once(open_backend: Open, names: dict[str, str], folder: Path) -> None:
    """A program that does not wait for its first command has no network to be in."""
    part = ActorSpec(Command(("false",)), folder / "client.out", names["server"])
    backend = open_backend([SERVER], {"server": part})
    backend.spawn("server", part.program, part.log).wait(within=30)
    with pytest.raises(LabFault, match="ended at once"):
        backend.make("server")


def test_what_ignores_its_end_is_cleaned_up(
    names: dict[str, str], outside: int, folder: Path, api: docker.APIClient, tmp_path: Path
) -> None:
    """Its process killed, an image that does not listen stays; removing by the run's name ends it, and nothing else."""
    stubborn = ActorSpec(Command(("sleep", "600")), folder / "client.out", names["middlebox"])
    backends = [
        DockerBackend([node], {node.name: stubborn}, folder, run=run, images=names, outside=outside)
        for node, run in ((SERVER, RUN), (Node(name="bystander", role=Role.SERVER), OTHER))
    ]
    try:
        actor = backends[0].spawn("server", stubborn.program, stubborn.log)
        os.kill(actor.pid, signal.SIGKILL)
        with pytest.raises(LabFault):  # not the container's end
            actor.wait()
        assert len(_containers(api)) == 1
        assert len(daemon.remove_containers(RUN).names) == 1
        assert not _containers(api)
        bystander = backends[1].spawn("bystander", stubborn.program, stubborn.log)
        assert bystander.wait(within=0) is None
    finally:
        backends[1].close()
