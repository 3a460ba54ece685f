"""A middlebox that maps the client's flow to another external port."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import LabFault
from lab.faults import port_remap
from lab.faults.client_move import ClientMove
from lab.faults.port_remap import PortRemap
from lab.loader.load import load
from lab.model.endpoint import Endpoint
from lab.model.outcome import Cause
from lab.model.when import When
from lab.network.netlink import Netlink
from lab.worlds import kernel
from tests.e2e.lab_command import ROOT, run
from tests.fault_cases import FaultCases, NoEffect
from tests.records import (
    BOX,
    END,
    MAPPED,
    OUTSIDE,
    REMOTE,
    Line,
    begins,
    cell,
    changed,
    flow_set_up,
    forgot,
    idle_timer,
    judged,
    of_flow,
    packet,
    probe,
    sentinel,
    with_fault,
)

REMAP = PortRemap(at=When(offset=50.0), node=BOX)
REMAPPED = Endpoint(OUTSIDE.host, 40002)
TO_THE_OLD_PORT = of_flow(100.1, "core", "server")


def remaps(
    *, flow: str | None = "f1", before: Endpoint | None = OUTSIDE, after: Endpoint | None = REMAPPED
) -> list[Line]:
    """The fault, and what becomes of the mapping."""
    begun = begins(REMAP, PortRemap.Proof(node=BOX, flow=flow, before=before, after=after))
    return [*begun, forgot(50.001), changed(MAPPED, t=50.002, outside=REMAPPED, id=2)]


class _Deaf(Netlink):
    """Asks the kernel for nothing and is told that it is done."""

    def request(self, kind: int, message: Any, *, flags: int = 0) -> list[Any]:  # noqa: ARG002  (unheard)
        return []


TWO_WAYS = replace(cell(), topology=load(ROOT / "tests" / "docker" / "move.yaml").cells[0].topology)
AT_CARRIER = replace(REMAP, node="carrier")

CASES = FaultCases(
    infeasible=[
        (
            "the client never moves there",
            replace(TWO_WAYS, faults=(AT_CARRIER,)),
            replace(TWO_WAYS, faults=(REMAP,)),
        ),
        (
            "the client is not there yet",
            replace(TWO_WAYS, faults=(AT_CARRIER, ClientMove(at=When(offset=51.0)))),
            replace(TWO_WAYS, faults=(AT_CARRIER, ClientMove(at=When(offset=49.0)))),
        ),
    ],
    proved=[(REMAP, [*remaps(), TO_THE_OLD_PORT], "middlebox-remapped-port")],
    unproved=[
        (REMAP, remaps(flow=None, before=None, after=None), "the client had no flow"),
        (REMAP, remaps(before=None, after=None), "the flow had no mapping there"),
        (REMAP, remaps(after=None), "the mapping is gone, and none is in its place"),
        (REMAP, remaps(after=OUTSIDE), f"the mapping is still to {OUTSIDE}"),
    ],
    costs={
        "remapped": ("port-remap: { at: 2 s, node: home-nat }", "middlebox-remapped-port"),
        "remapped-udp": ("port-remap: { at: 2 s, node: home-nat }", "middlebox-remapped-port"),
    },
    no_effect={
        "port-remap": NoEffect(
            "port-remap: { at: 2 s, node: home-nat }", "eviction remapping", "the mapping is still to 198.51.100.2:"
        ),
        "port-remap-forgets": NoEffect(
            "port-remap: { at: 2 s, node: home-nat }", "remapping", "the mapping is gone, and none is in its place"
        ),
    },
    acts={"remapping": (port_remap, "Netlink", _Deaf)},
    written="port-remap: { at: 31 s, node: home-nat }",
    liveness={
        "port-remap.at": ("at: 31 s, node: home-nat", "at: 32 s, node: home-nat"),
        "port-remap.node": ("at: 31 s, node: home-nat", "at: 31 s, node: cgn"),
    },
)


def cause(*lines: Line) -> Cause:
    """What the probe at 100 s was lost for; the idle timer closes the flow at 93 s whatever else happens."""
    story = [*flow_set_up(), *sentinel("delivered"), *lines, idle_timer(93.0), *probe(1, 100, answered=False), END]
    outcome = judged(with_fault(REMAP), *story)
    assert outcome.doubt == ""
    assert outcome.cause is not None
    return outcome.cause


def test_the_server_sends_to_the_old_port() -> None:
    """Then it is the cause, by its own time, and the packet is shown; before it, that means nothing."""
    found = cause(*remaps(), TO_THE_OLD_PORT)
    assert (found.kind.name, found.at_s) == ("middlebox-remapped-port", 50.0)
    assert found.text == f"middlebox {BOX} mapped the flow to another external port at 50.0 s"
    assert len(found.evidence) == 2
    assert cause(*remaps()).kind.name != "middlebox-remapped-port"
    assert cause(*remaps(), changed(TO_THE_OLD_PORT, t=49.0)).kind.name != "middlebox-remapped-port"


def test_the_client_comes_from_the_new_port() -> None:
    """A request that arrives from an endpoint that the server does not know is in vain, too."""
    from_the_new = packet(70.0, "core", BOX, REMAPPED, REMOTE)
    assert cause(*remaps(), from_the_new).kind.name == "middlebox-remapped-port"
    assert cause(*remaps(), changed(from_the_new, src=Endpoint(OUTSIDE.host, 7))).kind.name != "middlebox-remapped-port"


def test_the_old_mapping_is_made_anew() -> None:
    """The server's packets arrive again, so the fault did no harm."""
    anew = changed(MAPPED, t=51.0, id=3)
    assert cause(*remaps(), anew, TO_THE_OLD_PORT).kind.name == "client-idle-timer"


@pytest.mark.parametrize(
    ("before", "taken", "free"),
    [
        (40001, [40001], 40002),
        (40001, [40001, 40002, 40003], 40004),
        (65535, [65535], 1024),
        (65535, [65535, 1024], 1025),
    ],
)
def test_the_next_free_port(before: int, taken: list[int], free: int) -> None:
    """Upwards, then from the first one that is the NAT's to assign; what another address has is free."""
    others = [Endpoint("198.51.100.9", port) for port in range(1024, 65536)]
    endpoints = [*others, *(Endpoint("198.51.100.2", port) for port in taken)]
    assert port_remap._free_port(Endpoint("198.51.100.2", before), endpoints) == free


def test_no_free_port() -> None:
    """A middlebox that has none left cannot do it."""
    endpoints = [Endpoint("198.51.100.2", port) for port in range(1024, 65536)]
    with pytest.raises(LabFault, match="has none left"):
        port_remap._free_port(endpoints[9], endpoints)


SCENARIO = """\
title: Another external port
topology: cgn
middlebox: { home-nat: never-forgets, cgn: never-forgets }
matrix:
  transport: [udp, tls]
  strategy: [none, options-ping-25s, resubscribe-25s, options-25s-drop-reconnect]
  failure:
    - { name: nothing }
    - { name: at-home, faults: [port-remap: { at: 10 s, node: home-nat }] }
    - { name: at-the-cgn, faults: [port-remap: { at: 10 s, node: cgn }] }
probes: [{ at: 120 s }]
ends: 130 s
claims:
  - { transport: udp, strategy: options-25s-drop-reconnect, verdict: unsupported }
  - { transport: tls, strategy: none, failure: nothing, verdict: fail, cause: client-idle-timer, at: 33 s }
  - { failure: nothing, verdict: pass }
  # the CGN has no mapping for an endpoint that begins in the middle of a connection, and drops what comes from it
  - { transport: tls, strategy: resubscribe-25s, failure: at-home, verdict: fail, cause: middlebox-remapped-port }
  - { strategy: [resubscribe-25s, options-25s-drop-reconnect], verdict: pass }   # the server learns of the new port
  - { verdict: fail, cause: middlebox-remapped-port, at: 10 s }                  # a ping alone does not tell it
"""


@pytest.mark.virtual
@pytest.mark.timeout(300)
def test_who_survives_it(tmp_path: Path) -> None:
    """A client that subscribes again is reached by its new mapping, or reset and comes again; a ping is not enough."""
    if kernel.find() is None:
        kernel.build()
    shutil.copytree(ROOT / "topologies", tmp_path / "topologies")
    (tmp_path / "remap.yaml").write_text(SCENARIO)
    done = run("run", tmp_path / "remap.yaml", "--clock", "virtual", "--json", "--out", tmp_path, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    cells = {each["name"]: each for each in json.loads(done.stdout)["cells"]}
    assert len(cells) == 24
    record = tmp_path / "latest" / cells["udp,options-ping-25s,at-home"]["folder"] / "record.jsonl"
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    (proof,) = (line["proof"] for line in lines if line["ev"] == "fault")
    seen = {(line["t"] > 10, line["src"]) for line in lines if line["ev"] == "packet" and line["from"] == BOX}
    assert (False, proof["before"]) in seen
    assert (True, proof["after"]) in seen
    assert not {(True, proof["before"]), (False, proof["after"])} & seen
