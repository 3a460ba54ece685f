"""How long a small network takes to stand and to fall. Prints figures, asserts none."""

from __future__ import annotations

import time
from ipaddress import IPv4Interface
from statistics import median

import pytest

from lab.model.middlebox import Middlebox
from lab.model.topology import Link, Node, Role, Topology
from lab.network.apply import apply
from lab.network.plan import plan
from lab.units import Seconds

pytestmark = [pytest.mark.bench, pytest.mark.kernel, pytest.mark.usefixtures("namespaces")]

ROUNDS = 20


def test_three_nodes(capsys: pytest.CaptureFixture[str]) -> None:
    """Client, NAT, server: planned, built, read back; let go of."""
    topology = Topology(
        name="three",
        nodes=(
            Node(name="client", role=Role.CLIENT),
            Node(name="nat", role=Role.MIDDLEBOX, inside="lan", outside="core"),
            Node(name="server", role=Role.SERVER),
        ),
        links=(
            Link(
                name="lan",
                ends=(("client", IPv4Interface("10.0.0.2/24")), ("nat", IPv4Interface("10.0.0.1/24"))),
            ),
            Link(
                name="core",
                ends=(("nat", IPv4Interface("203.0.113.1/24")), ("server", IPv4Interface("203.0.113.10/24"))),
            ),
        ),
    )
    box = Middlebox(name="silent-60s", established_idle_timeout=Seconds(60))
    up: list[float] = []
    down: list[float] = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        network = apply(plan(topology, {"nat": box}))
        stands = time.perf_counter()
        network.close()
        up.append(stands - start)
        down.append(time.perf_counter() - stands)
    with capsys.disabled():
        for what, times in (("up and wired", up), ("torn down", down)):
            figures = f"median {1e3 * median(times):.1f}, worst {1e3 * max(times):.1f} ms"
            print(f"\nthree nodes {what}: first {1e3 * times[0]:.1f}, {figures}", end="")
