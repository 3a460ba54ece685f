"""Entry point inside a guest: sends numbered datagrams over an impaired link and says what arrived."""

from __future__ import annotations

import json
import socket
import struct
import time
from ipaddress import IPv4Interface
from typing import Any

from lab.model.impairment import Impairment
from lab.model.topology import Link, Node, Role, Topology
from lab.network.apply import apply
from lab.network.netem import impair
from lab.network.netns import entered
from lab.network.plan import plan
from lab.units import BitsPerSecond, Percent, Seconds

LINK = Topology(
    name="wire",
    nodes=(Node(name="client", role=Role.CLIENT), Node(name="server", role=Role.SERVER)),
    links=(
        Link(
            name="wire",
            ends=(("client", IPv4Interface("10.0.0.2/24")), ("server", IPv4Interface("10.0.0.1/24"))),
        ),
    ),
)
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35  # <asm-generic/socket.h>
_UNITS = {"one_way_delay": Seconds, "jitter": Seconds, "rate": BitsPerSecond}


def main(folder: str, trials: list[dict[str, Any]]) -> None:
    """Run each trial: ``values`` of an `Impairment`, ``count`` datagrams of ``size``, one each ``gap`` seconds."""
    for number, trial in enumerate(trials):
        network = apply(plan(LINK, {}))
        values: dict[str, Any] = {name: _UNITS.get(name, Percent)(value) for name, value in trial["values"].items()}
        impair(network.namespaces["client"], "wire", Impairment(from_="client", to="server", **values))
        with entered(network.namespaces["client"]):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            client.bind(("10.0.0.2", 4000))
        with entered(network.namespaces["server"]):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.bind(("10.0.0.1", 4000))
        for sock in (client, server):
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 24)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        seen = {direction: _send(*pair, trial) for direction, pair in _directions(client, server).items()}
        print(json.dumps({"trial": number, **seen}), flush=True)
        client.close()
        server.close()
        network.close()


def _directions(client: socket.socket, server: socket.socket) -> dict[str, tuple[socket.socket, socket.socket]]:
    return {"there": (client, server), "back": (server, client)}


def _send(sender: socket.socket, receiver: socket.socket, trial: dict[str, Any]) -> dict[str, Any]:
    """How many arrived, how many twice, how many after a later one, and the delays by the kernel's stamps."""
    padding = bytes(trial["size"] - 12)
    start = time.monotonic()
    for number in range(trial["count"]):
        time.sleep(max(0.0, start + number * trial["gap"] - time.monotonic()))
        sender.sendto(struct.pack("=Id", number, time.time()) + padding, receiver.getsockname())
    time.sleep(5.0)  # virtual: everything that will arrive has arrived
    receiver.setblocking(False)
    times: dict[int, int] = {}
    late, newest, delays = 0, -1, []
    while True:
        try:
            data, ((_, _, stamp),), _, _ = receiver.recvmsg(65536, 64)
        except BlockingIOError:
            break
        number, sent = struct.unpack_from("=Id", data)
        seconds, nanoseconds = struct.unpack("=qq", stamp)
        times[number] = times.get(number, 0) + 1
        late += number < newest and times[number] == 1
        newest = max(newest, number)
        delays.append(seconds - sent + nanoseconds / 1e9)
    return {
        "arrived": len(times),
        "twice": sum(1 for count in times.values() if count > 1),
        "late": late,
        "shortest": min(delays),
        "longest": max(delays),
        "mean": sum(delays) / len(delays),
    }
