"""The cells of a matrix: their order, their names, the claim of each, and how many there may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import ScenarioError
from lab.loader.expand import MOST_CELLS
from lab.model.authentication import Authentication
from lab.model.scenario import Transport
from lab.model.verdict import Verdict
from tests.unit.scenario_texts import SMALL, Read


def test_servers_that_are_compared_by_name(read: Read) -> None:
    """One program with different settings; cells and claims go by the name, and by the program where there is none."""
    servers = "matrix: { server: [scripted, { name: asks, authentication: {} }, { software: kamailio }] }\n"
    claims = "claims: [{ server: [asks, kamailio], verdict: pass }]\n"
    cells = read(SMALL + servers + claims).cells
    assert [cell.name for cell in cells] == ["scripted", "asks", "kamailio"]
    assert [cell.server.software for cell in cells] == ["scripted", "scripted", "kamailio"]
    assert [cell.server.authentication for cell in cells] == [None, Authentication(), None]
    assert [cell.claim is None for cell in cells] == [True, False, False]


def matrix(strategy: str = "[none, hold-transport]", more: str = "", claims: str = "") -> str:
    """A scenario with a matrix."""
    return SMALL.replace("middlebox: never-forgets\n", "") + f"matrix:\n  strategy: {strategy}\n{more}{claims}"


def test_last_axis_varies_fastest(read: Read) -> None:
    """Cells come in matrix order, named by the labels of the swept axes."""
    text = matrix(more="  middlebox: [silent-60s, rfc-ideal]\n  transport: [udp, tcp]\n")
    scenario = read(text)
    assert [cell.name for cell in scenario.cells] == [
        f"{strategy},{middlebox},{transport}"
        for strategy in ("none", "hold-transport")
        for middlebox in ("silent-60s", "rfc-ideal")
        for transport in ("udp", "tcp")
    ]
    assert scenario.cells[1].axes == (("strategy", "none"), ("middlebox", "silent-60s"), ("transport", "tcp"))
    assert scenario.cells[1].transport is Transport.TCP


def test_axes_are_in_the_order_of_the_file(read: Read) -> None:
    """The author decides which axis is the outer one."""
    text = SMALL.replace("middlebox: never-forgets\n", "")
    text += "matrix:\n  middlebox: [silent-60s, rfc-ideal]\n  strategy: [hold-transport, none]\n"
    assert [cell.name for cell in read(text).cells] == [
        "silent-60s,hold-transport",
        "silent-60s,none",
        "rfc-ideal,hold-transport",
        "rfc-ideal,none",
    ]


def test_first_claim_wins(read: Read) -> None:
    """A cell gets the first claim that speaks of it, and none if none does."""
    text = matrix(
        more="  middlebox: [silent-60s, rfc-ideal]\n",
        claims="claims:\n"
        "  - { strategy: none, middlebox: rfc-ideal, verdict: pass }\n"
        "  - { strategy: none, transport: tls, verdict: fail }\n"
        "  - { middlebox: [silent-60s], verdict: inconclusive }\n",
    )
    claims = {cell.name: cell.claim and cell.claim.verdict for cell in read(text).cells}
    assert claims == {
        "none,silent-60s": Verdict.FAIL,
        "none,rfc-ideal": Verdict.PASS,
        "hold-transport,silent-60s": Verdict.INCONCLUSIVE,
        "hold-transport,rfc-ideal": None,
    }


def test_most_cells(read: Read) -> None:
    """The largest matrix allowed is expanded."""
    strategies = ["none", *(f"{{ name: s{n}, mitigations: [hold-transport] }}" for n in range(99))]
    boxes = [f"{{ name: m{n}, established-idle-timeout: {n + 1} s }}" for n in range(50)]
    text = matrix(f"[{', '.join(strategies)}]", f"  middlebox: [{', '.join(boxes)}]\n")
    assert len(read(text).cells) == MOST_CELLS
    with pytest.raises(ScenarioError, match=r"too many cells, got 15000"):
        read(text + "  transport: [udp, tcp, tls]\n")


def test_several_middleboxes_have_one_label(read: Read) -> None:
    """A value of the middlebox axis says one profile for each middlebox, and is called by all of them."""
    text = SMALL.replace("home-nat", "two").replace("middlebox: never-forgets\n", "")
    boxes = "{ home-nat: silent-60s, cgn: rfc-ideal }, { cgn: never-forgets, home-nat: rfc-ideal }"
    text += f"matrix: {{ middlebox: [{boxes}] }}\n"
    scenario = read(text)
    assert [cell.name for cell in scenario.cells] == ["silent-60s+rfc-ideal", "rfc-ideal+never-forgets"]
    assert [[(node, box.name) for node, box in cell.middleboxes] for cell in scenario.cells] == [
        [("home-nat", "silent-60s"), ("cgn", "rfc-ideal")],
        [("home-nat", "rfc-ideal"), ("cgn", "never-forgets")],
    ]


def test_cell_names_fit_a_folder(read: Read, tmp_path: Path) -> None:
    """Labels that are each short enough may be too long together."""
    nodes = "".join(f"  n{n}: {{ role: middlebox, inside: l{n}, outside: l{n + 1} }}\n" for n in range(6))
    links = "".join(f"  l{n}: {{ n{n - 1}: 10.0.{n}.1/24, n{n}: 10.0.{n}.2/24 }}\n" for n in range(1, 6))
    net = "nodes:\n  client: { role: client }\n  server: { role: server }\n" + nodes
    net += "links:\n  l0: { client: 10.0.0.1/24, n0: 10.0.0.2/24 }\n" + links
    net += "  l6: { n5: 203.0.113.1/24, server: 203.0.113.2/24 }\n"
    (tmp_path / "topologies" / "deep.yaml").write_text(net)
    value = ", ".join(f"n{n}: {{ name: {'x' * 39}{n}, base: rfc-ideal }}" for n in range(6))
    text = SMALL.replace("home-nat", "deep").replace("middlebox: never-forgets\n", "")
    with pytest.raises(ScenarioError, match=r"a cell's name is too long, got 245 characters"):
        read(text + f"matrix: {{ middlebox: [{{ {value} }}] }}\n")
