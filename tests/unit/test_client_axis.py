"""The client is an axis: its values are programs of the lab's, or the author's own by the names they are given."""

from __future__ import annotations

from typing import Any

import pytest

import lab
from lab.clients import catalog
from lab.clients.base import ClientProgram
from lab.loader.unsupported import why_unsupported
from lab.mitigations.catalog import client_kinds

SCENARIO: dict[str, Any] = {
    "title": "t",
    "topology": "home-nat",
    "middlebox": "never-forgets",
    "probes": [{"at": "45 s"}],
    "ends": "60 s",
}
MINE = {"name": "mine", "command": ["sh"]}


def test_values_are_names_and_mappings() -> None:
    """Cells and claims speak of them by these names."""
    content = {
        **SCENARIO,
        "matrix": {"client": ["pjsip", {"name": "other", "image": "image-of-mine"}, MINE]},
        "claims": [{"client": "mine", "verdict": "pass"}],
    }
    cells = lab.build(content).cells
    assert [cell.name for cell in cells] == ["pjsip", "other", "mine"]
    assert [cell.client.kind for cell in cells] == ["pjsip", "own", "own"]
    assert [cell.claim is not None for cell in cells] == [False, False, True]


def test_without_a_word_it_is_pjsip() -> None:
    (cell,) = lab.build(SCENARIO).cells
    (other,) = lab.build({**SCENARIO, "client": {"account": "register-and-subscribe"}}).cells
    assert cell.client.label == other.client.label == "pjsip"


def test_a_release_of_pjsip_is_pjsips() -> None:
    """Beside it another client has no such cells."""
    matrix = {"client": ["pjsip", MINE], "pjsip": ["2.10", "2.15.1"], "transport": ["tcp"]}
    reasons = {cell.name: why_unsupported(cell) for cell in lab.build({**SCENARIO, "matrix": matrix}).cells}
    assert reasons == {
        "pjsip,2.10,tcp": "",
        "pjsip,2.15.1,tcp": "",
        "mine,2.10,tcp": "mine is not pjsip 2.10",
        "mine,2.15.1,tcp": "",
    }


@pytest.mark.parametrize("name", ["own", "pjsipp"])
def test_there_is_no_such_client(name: str) -> None:
    """What is an author's own is named by its command, not by the word."""
    with pytest.raises(lab.ScenarioError, match=f"unknown client, got `?{name}"):
        lab.build({**SCENARIO, "matrix": {"client": ["pjsip", name]}})


@pytest.mark.parametrize("name", catalog.names())
def test_every_client_says_what_it_is(name: str) -> None:
    program = catalog.find(name)
    assert isinstance(program, ClientProgram)
    assert (program.name, bool(program.what)) == (name, True)
    assert program.offers is None or program.offers <= client_kinds()


def test_a_release_is_a_client_by_name() -> None:
    """`pjsip-2.10` stands beside `pjsip`; it is pjsip, in that release."""
    cells = lab.build({**SCENARIO, "matrix": {"client": ["pjsip", "pjsip-2.10", "plain"], "transport": ["tcp"]}}).cells
    assert [(cell.client.kind, cell.pjsip) for cell in cells[:2]] == [("pjsip", "2.15.1"), ("pjsip", "2.10")]
    assert [cell.name for cell in cells] == ["pjsip,tcp", "pjsip-2.10,tcp", "plain,tcp"]
    assert [why_unsupported(cell) for cell in cells] == ["", "", ""]


def test_a_release_has_what_it_has() -> None:
    """Named so, too: 2.10's package has no TLS."""
    (cell,) = lab.build({**SCENARIO, "client": "pjsip-2.10"}).cells
    assert "built without TLS" in why_unsupported(cell)


def test_a_release_can_register() -> None:
    """What only pjsip can be told, each of its releases can."""
    mapping = {"name": "pjsip-2.10", "account": "register", "registration": {"expires": "60 s"}}
    (cell,) = lab.build({**SCENARIO, "client": mapping, "transport": "tcp", "ends": "90 s"}).cells
    assert cell.client.registration is not None


def test_a_release_is_named_once() -> None:
    with pytest.raises(lab.ScenarioError, match=r"a release, and `pjsip` names another, got `pjsip-2.10`"):
        lab.build({**SCENARIO, "client": "pjsip-2.10", "pjsip": "2.15.1", "transport": "tcp"})


@pytest.mark.parametrize("name", ["pjsip-2.15.1", "pjsip-2.9", "plain-1", "own-1"])
def test_there_is_no_such_release(name: str) -> None:
    """The release that comes with the lab has no second name."""
    with pytest.raises(lab.ScenarioError, match=f"unknown client, got `{name}`"):
        lab.build({**SCENARIO, "client": name})
