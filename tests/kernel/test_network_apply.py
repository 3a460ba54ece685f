"""Plans carried out in a real kernel: what stands, what is refused, and that nothing is left."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

import pytest

from lab.errors import LabFault
from lab.model.middlebox import Middlebox
from lab.model.topology import Topology
from lab.network import netns
from lab.network.apply import apply, nft
from lab.network.lean_pyroute2 import IFF_UP, NETLINK_ROUTE, RTM_DELLINK, RTM_NEWLINK, RTMGRP_LINK, ifinfmsg
from lab.network.netlink import RECEIVE, Netlink, messages
from lab.network.plan import FIRST_INDEX, AddRoute, LoadRules, Operation, SetSysctl, plan
from lab.units import Seconds

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("leaves_nothing")]

BOX = Middlebox(name="silent-60s", established_idle_timeout=Seconds(60))


@pytest.fixture
def operations(one_home: Topology, namespaces: None) -> tuple[Operation, ...]:
    return plan(one_home, {"home-nat": BOX})


def _deliver(operations: tuple[Operation, ...]) -> str:
    """Build, send a byte from client to server, undo; returns the address the server saw."""
    network = apply(operations)
    with network.entered("server"):
        server = socket.create_server(("203.0.113.10", 5060))
    with network.entered("client"):
        client = socket.create_connection(("203.0.113.10", 5060), timeout=2)
    accepted, (address, _port) = server.accept()
    client.sendall(b"x")
    assert accepted.recv(1) == b"x"
    for sock in (client, accepted, server):
        sock.close()
    network.close()
    return str(address)


def test_a_client_reaches_the_server(operations: tuple[Operation, ...]) -> None:
    """Client to server through the middlebox works, under the middlebox's address, and leaves nothing."""
    assert _deliver(operations) == "198.51.100.2"


def test_as_an_ordinary_user(one_home: Topology, tmp_path: Path) -> None:
    """The same in a user namespace of a user without any privilege, sysctls and rule sets included."""

    def ordinary() -> None:
        tmp_path.chmod(0o777)
        os.chdir(tmp_path)
        if os.getuid() == 0 and Path("/proc/self/setgroups").read_text() == "allow\n":  # not yet in a user namespace
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE: else /proc/self is still root's
        uid, gid = os.getuid(), os.getgid()
        assert ctypes.CDLL(None).unshare(0x10000000 | netns.CLONE_NEWNET) == 0  # CLONE_NEWUSER
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        assert _deliver(plan(one_home, {"home-nat": BOX})) == "198.51.100.2"

    assert _in_a_child(ordinary) == 0


def _in_a_child(work: Callable[[], None]) -> int:
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:  # noqa: BLE001  (the last frame of the child)
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_namespaces_end_with_their_last_holder(operations: tuple[Operation, ...]) -> None:
    """Letting go of the network ends its namespaces: the client's link dies with the middlebox at its other end."""
    network = apply(operations)
    kept = os.dup(network.namespaces["client"])
    with netns.entered(kept):
        links = Netlink(NETLINK_ROUTE, groups=RTMGRP_LINK)
    links.sock.settimeout(10)
    network.close()
    gone: set[str] = set()
    while "lan" not in gone:
        heard = messages(links.sock.recv(RECEIVE), ifinfmsg)
        gone |= {link.get_attr("IFLA_IFNAME") for link in heard if link["header"]["type"] == RTM_DELLINK}
    with netns.entered(kept):
        assert [name for _, name in socket.if_nameindex() if name == "lan"] == []
    links.close()
    os.close(kept)


NO_WAY = AddRoute(node="client", destination=IPv4Network("192.0.2.0/24"), gateway=IPv4Address("192.0.2.1"))


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (NO_WAY, r"client: route 192.0.2.0/24 through 192.0.2.1: .*nexthop|unreachable"),
        (SetSysctl(node="client", key="net/ipv4/no_such", value=1), r"client: set net/ipv4/no_such = 1: .*no_such"),
        (LoadRules(node="client", rules="table ip x { chain y { no rule } }"), r"nft: .*syntax error"),
        # built without complaint, and found out by reading back
        (LoadRules(node="home-nat", rules="flush ruleset"), r"home-nat: rules.*the kernel shows \[\] instead of"),
        (
            SetSysctl(node="server", key="net/ipv4/ip_forward", value=1),
            r"ip_forward = 0: the kernel shows 1 instead of 0",
        ),
    ],
)
def test_refusal(operations: tuple[Operation, ...], extra: Operation, told: str) -> None:
    """What the kernel refuses, or does not keep, is a fault that names the operation; nothing is left of the rest."""
    with pytest.raises(LabFault, match=f"(?s){told}"):
        apply((*operations, extra))


FAR_END = FIRST_INDEX + 1  # of the first link, at the middlebox


def _without_one_end_up(operations: tuple[Operation, ...]) -> tuple[Operation, ...]:
    return tuple(op for op in operations if (op.node, str(op)) != ("home-nat", f"up {FAR_END}"))


def test_a_link_that_stays_down_is_found_out(
    operations: tuple[Operation, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links are read back as carrying, at both ends."""
    monkeypatch.setattr("lab.network.apply._CARRIES_WITHIN_S", 0.2)
    with pytest.raises(LabFault, match="client: up 101: the kernel shows 'up' instead of 'up, carrying'"):
        apply(_without_one_end_up(operations))


def test_a_link_that_carries_late_is_waited_for(operations: tuple[Operation, ...]) -> None:
    """A link that starts to carry while it is read back is as good; here a signal brings its far end up 0.3 s late."""
    spaces: dict[str, int] = {}

    def make(node: str) -> int:
        spaces[node] = netns.new()
        return spaces[node]

    def far_end_up(_signal: int, _frame: object) -> None:
        with netns.entered(spaces["home-nat"]):
            link = Netlink(NETLINK_ROUTE)
        message = ifinfmsg()
        message.update(index=FAR_END, flags=IFF_UP, change=IFF_UP)
        link.request(RTM_NEWLINK, message)
        link.close()

    before = signal.signal(signal.SIGALRM, far_end_up)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    start = time.monotonic()
    try:
        apply(_without_one_end_up(operations), make=make).close()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert 0.3 <= time.monotonic() - start < 2


@pytest.mark.usefixtures("namespaces")
def test_entered_comes_back() -> None:
    """After ``entered``, also after an error inside it, the thread is back where it was."""
    own = Path("/proc/thread-self/ns/net").readlink()
    namespace = netns.new()
    with netns.entered(namespace):
        assert own != Path("/proc/thread-self/ns/net").readlink()
    assert own == Path("/proc/thread-self/ns/net").readlink()
    with pytest.raises(KeyError), netns.entered(namespace):
        raise KeyError
    assert own == Path("/proc/thread-self/ns/net").readlink()
    os.close(namespace)


@pytest.mark.usefixtures("namespaces")
def test_nft_lists_the_namespace_it_is_in() -> None:
    """Rule sets are loaded into and listed from the namespace entered, not the host's."""
    first, second = netns.new(), netns.new()
    with netns.entered(first):
        nft("table ip only-here {\n}")
        assert "only-here" in nft("list ruleset")
    with netns.entered(second):
        assert nft("list ruleset") == ""
    os.close(first)
    os.close(second)
