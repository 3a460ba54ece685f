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
