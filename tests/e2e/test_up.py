"""``lab up`` and what one does in a lab that is up, in real time."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.pcapng import frames
from tests.e2e.lab_command import AS_ORDINARY_USER, ROOT, wait_until
from tests.live_labs import Labs, entries, take_all_down

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("up")]

REGISTERED = """
title: A registered phone behind a NAT whose timers the lab keeps itself
topology: home-nat
middlebox: { name: own, base: silent-60s, refresh-direction: outbound }
transport: tcp
client: { account: register }
matrix:
  strategy: [crlf-30s, none]
faults:
  - reboot: { at: 1 s, node: home-nat }
probes:
  - { at: 5 s }
ends: 30 s
"""


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Labs]:
    """Two labs side by side: `default`, a network, and `phone`, the first cell of a scenario."""
    home = tmp_path_factory.mktemp("up")
    found = Labs(home)
    (home / "phone.yaml").write_text(REGISTERED)
    try:
        found.run("up", "home-nat", "--strategy", "crlf-30s-hold")
        found.run("up", home / "phone.yaml", "--lab", "phone")
        yield found
    finally:
        take_all_down(found.environment)


@pytest.fixture
def ailing(labs: Labs) -> Iterator[Labs]:
    """A lab of a test's own, `ailing`, in which it can do harm; kept alive by CRLF."""
    labs.run("up", labs.home / "phone.yaml", "--lab", "ailing")
    try:
        yield labs
    finally:
        labs.run("down", "--lab", "ailing")


def test_both_are_up(labs: Labs) -> None:
    """Each has its own mappings and account, and knows what it was made of."""
    assert [path.stem for path in entries(labs.environment)] == ["default", "phone"]
    one, other = labs.json("status"), labs.json("status", "--lab", "phone")
    (first,) = one["middleboxes"]
    assert (first["profile"], one["bindings"][0]["kind"]) == ("silent-60s", "subscription")
    (second,) = other["middleboxes"]
    assert (second["profile"], other["bindings"][0]["kind"], other["cell"]) == ("own", "registration", "crlf-30s")
    assert other["probes"] == other["faults"] == []  # the scenario's own are left to the user


def test_status(labs: Labs) -> None:
    """It shows nodes, mappings with ages, flows, the account and the timers."""
    told = labs.json("status")
    (mapping,) = told["middleboxes"][0]["mappings"]
    assert mapping["inside"].startswith("10.0.0.2:")
    assert mapping["remote"] == "203.0.113.10:5061"
    assert mapping["age_s"] > 0
    assert 0 < mapping["expires_in_s"] <= 60
    (flow,) = [each for each in told["flows"] if each["in_use"]]
    assert (flow["client"], flow["state"]) == (mapping["inside"], "secured")
    (subscription,) = told["bindings"]
    assert (subscription["state"], subscription["flow"]) == ("active", flow["id"])
    soon = [each["what"] for each in told["timers"]]
    assert soon[0] == f"home-nat forgets tcp {mapping['inside']}"
    assert {node["name"]: node["program"] for node in told["nodes"]}["client"] == "runs"
    for text in ("home-nat (silent-60s) forgets TCP after 60.0 s", "subscription s1", mapping["outside"]):
        assert text in labs.run("status")


def test_a_timer_of_the_labs_own(labs: Labs) -> None:
    """Where the lab itself keeps the NAT's timers, their ends are those that count, not conntrack's."""
    (box,) = labs.json("status", "--lab", "phone")["middleboxes"]
    for mapping in box["mappings"]:
        assert 0 < mapping["expires_in_s"] <= 60


def test_exec(labs: Labs) -> None:
    """A command runs in the node's network, in this folder, with its own exit status."""
    assert labs.run("exec", "client", "--", "sh", "-c", "echo $LAB_NODE; pwd").split() == [
        "client",
        os.fspath(Path.cwd()),
    ]
    addresses = {node["name"]: node["addresses"] for node in labs.json("status")["nodes"]}
    for node, links in [each for each in addresses.items() if each[0] in ("home-nat", "server")]:
        shown = labs.run("exec", node, "--", "ip", "-4", "-o", "address")
        assert all(f" {link} " in shown and address in shown for link, address in links.items())
    labs.run("exec", "client", "--", "sh", "-c", "exit 7", status=7)
    labs.run("exec", "client", "--", "sh", "-c", "kill -9 $$", status=128 + signal.SIGKILL)
    assert "cannot start" in labs.run("exec", "client", "--", "/no/such/program", status=127)


def test_shell(labs: Labs) -> None:
    """A shell reads its commands there."""
    process = subprocess.run(
        [sys.executable, "-m", "lab", "shell", "server"],
        input="echo in $LAB_NODE; exit 3\n",
        env={**labs.environment, "SHELL": "/bin/sh"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (3, "in server\n"), process.stderr


def test_the_client_is_reached_until_a_fault(ailing: Labs) -> None:
    """A probe arrives; with the NAT's table gone it does not, and the status shows both."""
    told = ailing.json("probe-client", "message", "--lab", "ailing")
    assert (told["accepted"], told["code"]) == (True, 200)
    assert 0 < told["received_after_s"] <= told["took_s"] < 5
    assert "arrived: answered 200 after" in ailing.run("probe-client", "options", "--lab", "ailing")
    fault = ailing.json("inject", "reboot", "node=home-nat", "--lab", "ailing")
    assert (fault["n"], fault["proof"]["node"], fault["missing"]) == (0, "home-nat", "")
    assert fault["proof"]["lost"] > 0
    assert "timeout" in ailing.run("probe-client", "message", "--within", "0.5", "--lab", "ailing", status=1)
    status = ailing.json("status", "--lab", "ailing")
    assert [(each["fault"], each["in_force"]) for each in status["faults"]] == [("reboot", False)]
    assert [each["state"] for each in status["probes"]] == ["answered", "answered", "failed"]


def test_a_fault_that_lasts(ailing: Labs) -> None:
    """It is in force until it is ended, or until its time is over; the proof comes from the kernel."""
    told = ailing.json("inject", "black-hole", "node=home-nat", "direction=in", "--lab", "ailing")
    assert told["proof"]["rules"] > 0
    ailing.run("probe-client", "message", "--within", "0.3", "--lab", "ailing", status=1)
    assert "has dropped" in ailing.run("inject", "--end", str(told["n"]), "--lab", "ailing")
    ailing.run("probe-client", "message", "--lab", "ailing")
    frozen = ailing.json("inject", "server-freeze", "lasts=1 h", "--lab", "ailing")
    assert frozen["proof"] == {"stopped": True}
    assert "server-frozen" in ailing.run("probe-client", "message", "--lab", "ailing", status=1)
    assert "was at work" in ailing.run("inject", "server-mute", "--lab", "ailing", status=2)
    ailing.run("inject", "--end", str(frozen["n"]), "--lab", "ailing")
    ailing.run("probe-client", "message", "--lab", "ailing")
    ailing.run("inject", "{ client-suspend: { lasts: 0.2 s } }", "--lab", "ailing")
    wait_until("the client to go on", lambda: not ailing.json("status", "--lab", "ailing")["faults"][-1]["in_force"])
    ailing.run("probe-client", "message", "--lab", "ailing")


def test_a_fault_without_effect(ailing: Labs) -> None:
    """The lab says so, and exits with 1."""
    ailing.run("inject", "reboot", "node=home-nat", "--lab", "ailing")
    assert "cannot see that it took effect" in ailing.run(
        "inject", "evict-flow", "node=home-nat", "--lab", "ailing", status=1
    )
    ailing.run("exec", "client", "--lab", "ailing", "--", "true")


def test_tap(labs: Labs, tmp_path: Path) -> None:
    """A file has what passes from now on; with --from-start also what passed before, and the keys to read it."""
    now, all_of_it = tmp_path / "now.pcapng", tmp_path / "all.pcapng"
    taps = [
        labs.start("tap", "access", "--lab", "phone", "-w", now),
        labs.start("tap", "access", "--lab", "phone", "-w", all_of_it, "--from-start"),
    ]
    wait_until(
        "both captures to be open", lambda: all(path.exists() and path.stat().st_size for path in (now, all_of_it))
    )
    labs.run("exec", "home-nat", "--lab", "phone", "--", sys.executable, "-c", SEND_ONE)
    wait_until("the packet to be seen", lambda: b"seen by the tap" in now.read_bytes())
    wait_until("the packet to be seen", lambda: b"seen by the tap" in all_of_it.read_bytes())
    for each in taps:
        each.send_signal(signal.SIGINT)
    outputs = [each.communicate() for each in taps]
    assert [each.returncode for each in taps] == [0, 0], outputs
    newest = list(frames(now))[-1]
    assert list(frames(all_of_it))[-1] == newest
    assert len(list(frames(all_of_it))) > len(list(frames(now)))
    times = [each.at for each in frames(all_of_it)]
    assert times == sorted(times)
    assert "udp 198.51.100.2:" in outputs[0][0]  # a line per packet


SEND_ONE = (
    "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    "s.sendto(b'seen by the tap', ('198.51.100.1', 9))"
)


def test_a_tap_of_tls_has_its_keys(labs: Labs) -> None:
    """What reads the stream can decrypt it; the reader may end first."""
    process = labs.start("tap", "core", "--from-start")
    assert process.stdout is not None
    head = b""
    while b"CLIENT_RANDOM" not in head and b"CLIENT_HANDSHAKE_TRAFFIC_SECRET" not in head:
        read = os.read(process.stdout.fileno(), 4096)
        assert read, head
        head += read
    with process:
        process.stdout.close()
        labs.run("exec", "server", "--", sys.executable, "-c", SEND_ONE.replace("198.51.100.1", "203.0.113.1"))
        assert process.wait(30) == 0


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    """No step needs root."""
    script = """
        set -e
        lab() { PYTHON -m lab "$@"; }
        lab up home-nat --middlebox rst-to-both-60s --strategy options-ping-25s
        lab exec client -- sh -c 'test $(id -u) = 0 && ip -4 -o address show lan'
        lab inject reboot node=home-nat
        lab probe-client notify || true
        lab status
        lab down
    """
    labs = Labs(tmp_path)
    try:
        done = subprocess.run(
            [*AS_ORDINARY_USER, "sh", "-c", script.replace("PYTHON", sys.executable)],
            env=labs.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        for text in ("10.0.0.2/24", "rst-to-both-60s", "lab `default` is down"):
            assert text in done.stdout
    finally:
        take_all_down(labs.environment)
    assert not entries(labs.environment)


def test_a_client_that_ends(tmp_path: Path) -> None:
    """A client that cannot set its account up does not end the lab: one brings it up to look into that."""
    labs = Labs(tmp_path)
    scenario = tmp_path / "own.yaml"
    scenario.write_text(
        "title: x\ntopology: home-nat\nmiddlebox: silent-60s\nclient: { command: ['false'] }\n"
        "probes: [ { at: 1 s } ]\nends: 7 s\n"
    )
    try:
        assert "could not be set up" in labs.run("up", scenario)
        told = labs.json("status")
        assert told["t"] is None
        assert {node["name"]: node["program"] for node in told["nodes"]}["client"] == "ended"
        assert "no-subscription" in labs.run("probe-client", "notify", status=1)
        labs.run("exec", "client", "--", "true")
    finally:
        take_all_down(labs.environment)


def test_a_server_that_dies(tmp_path: Path) -> None:
    """A lab that ends by itself says whose fault it is, until it is taken down."""
    labs = Labs(tmp_path)
    try:
        labs.run("up", "home-nat")
        listens = "ss -Hltnp 'sport = :5061' | sed 's/.*pid=//; s/,.*//'"
        labs.run("exec", "server", "--", "sh", "-c", f"kill -9 $({listens})")
        wait_until("the lab to end", lambda: labs.entry()["error"])
        for command in (("status",), ("exec", "client", "--", "true"), ("probe-client", "notify")):
            assert "has ended by itself: the SIP server ended by SIGKILL" in labs.run(*command, status=4)
        assert "is down" in labs.run("down")
    finally:
        take_all_down(labs.environment)
    assert not entries(labs.environment)


def test_lost_connection_to_the_socket(labs: Labs) -> None:
    """Whoever connects and goes away, or says what is no command, disturbs nobody."""
    folder = labs.entry()["folder"]
    for said in (b"", b"{", b"null\n", b'{"do": "fly"}\n', b'{"do": "enter", "node": "moon"}\n', b"x" * 200_000):
        with socket.socket(socket.AF_UNIX) as sock:
            place = os.open(folder, os.O_PATH)
            sock.connect(f"/proc/self/fd/{place}/control")
            os.close(place)
            sock.sendall(said)
    assert labs.json("status")["nodes"]
