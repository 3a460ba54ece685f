"""Lines of a record from before events had types."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.model.endpoint import Endpoint
from lab.model.scenario import Probe as ProbeToSend
from lab.model.scenario import ProbeKind
from lab.record.entry import Entry
from lab.record.events import (
    ClientSubscription,
    Event,
    FaultBegan,
    FaultEnded,
    Mapping,
    Packet,
    Probe,
    SentinelChallenged,
    SentinelOpened,
    SentinelOutcome,
    ServerReady,
    ServerSubscription,
)
from lab.record.reader import read
from lab.record.writer import FILE_NAME, RUNNER
from lab.units import Seconds
from tests.records import BOX, CLIENT, SERVER, cell


def upgraded(tmp_path: Path, **fields: Any) -> Entry[Any]:
    path = tmp_path / FILE_NAME
    path.write_text(json.dumps({"t": 1.0, **fields}) + "\n")
    subject = replace(cell(), probes=(ProbeToSend(at=Seconds(45), kind_=ProbeKind.INVITE),))
    (entry,) = read(path, subject)
    assert (entry.t, entry.line) == (1.0, 1)
    return entry


ENDS = {"local": "10.0.0.2:57190", "remote": "203.0.113.10:5099"}
NEAR, FAR = Endpoint("10.0.0.2", 57190), Endpoint("203.0.113.10", 5099)


@pytest.mark.parametrize(
    ("fields", "who", "event"),
    [
        ({"who": "server", "ev": "ready", "ports": {"udp": 5060}}, SERVER, ServerReady(ports={"udp": 5060})),
        (
            {"who": "client", "ev": "subscription", "code": 0, "state": "active", "reason": ""},
            CLIENT,
            ClientSubscription(state="active", reason=""),
        ),
        (
            {"who": "server", "ev": "subscription", "id": "s1", "state": "active", "expires": 600, "flow": "f1",
             "contact": "sip:alice@10.0.0.2:52113;transport=TLS;ob"},
            SERVER,
            ServerSubscription(
                id="s1", state="active", expires=600, flow="f1", contact="sip:alice@10.0.0.2:52113;transport=TLS;ob"
            ),
        ),
        (
            {"who": "middlebox", "ev": "mapping", "state": "new", "node": "home-nat", "proto": "tcp",
             "inside": "10.0.0.2:57190", "outside": "203.0.113.1:57190", "remote": "203.0.113.10:5099",
             "id": 2008157270, "tcp_state": "SYN_SENT", "seen": 0.0},
            BOX,
            Mapping(
                state="new", proto="tcp", inside=NEAR, outside=Endpoint("203.0.113.1", 57190), remote=FAR,
                id=2008157270, tcp_state="SYN_SENT", seen=0.0,
            ),
        ),
        (
            {"who": "link", "ev": "packet", "link": "core", "from": "server", "proto": "tcp",
             "src": "203.0.113.10:5099", "dst": "203.0.113.1:57190", "bytes": 60, "payload": 0, "flags": "SA",
             "seq": 248676206},
            BOX,
            Packet(
                link="core", from_="server", proto="tcp", src=FAR, dst=Endpoint("203.0.113.1", 57190), bytes=60,
                payload=0, flags="SA", seq=248676206,
            ),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-inside", "state": "established", **ENDS},
            RUNNER,
            SentinelOpened(flow="from-inside", local=NEAR, remote=FAR),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-inside", "state": "sent", "idle": 296.0,
             "found": "open"},
            RUNNER,
            SentinelChallenged(flow="from-inside", idle=296.0, found="open"),
        ),
        (
            {"who": "sentinel", "ev": "sentinel", "flow": "from-outside", "state": "silent", "reason": "", "peer": "",
             "took": 3.0},
            RUNNER,
            SentinelOutcome(flow="from-outside", state="silent", reason="", peer="", took=3.0),
        ),
        (
            {"who": "runner", "ev": "probe", "probe": "p1", "state": "failed", "reason": "server-frozen"},
            RUNNER,
            Probe(
                probe="p1", kind="invite", state="failed", code=None, flow=None, peer=None, reason="server-frozen"
            ),
        ),
        ({"who": "runner", "ev": "fault-over", "n": 0, "fault": "Reboot"}, RUNNER, FaultEnded(n=0, fault="Reboot")),
    ],
)  # fmt: skip
def test_version_1(tmp_path: Path, fields: dict[str, Any], who: str, event: Event) -> None:
    """Who spoke was named by its role; a probe of a frozen server did not say its kind, which the scenario knows."""
    entry = upgraded(tmp_path, **fields)
    assert (entry.who, entry.event) == (who, event)


def test_version_1_of_a_fault(tmp_path: Path) -> None:
    """What proved it stood beside its name."""
    proof = {"node": "home-nat", "lost": 5, "left": 0, "address": []}
    event = upgraded(tmp_path, who="runner", ev="fault", n=0, fault="Reboot", **proof).event
    assert isinstance(event, FaultBegan)
    assert (event.n, event.fault, json.loads(bytes(event.proof))) == (0, "Reboot", proof)
