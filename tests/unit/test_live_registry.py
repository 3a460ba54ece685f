"""The list of labs that are up: who is up, who is not any more, and what is said of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.errors import HostNotCapable, LabFault, ScenarioError
from lab.ledger import ProcessName, ProcessSpace
from lab.live_lab import registry
from lab.live_lab.bring_up import take_down
from lab.live_lab.registry import Entry
from tests.live_entries import entry


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def write(made: Entry) -> None:
    with registry.locked():
        registry.write(made)


def refusal(name: str, command: str = "lab status") -> str:
    with pytest.raises(ScenarioError) as refused:
        registry.find(name, command)
    return str(refused.value)


def test_what_is_written_is_found() -> None:
    write(entry())
    write(entry("second"))
    assert registry.find("second", "lab status") == entry("second")
    assert [each.name for each in registry.up()] == ["default", "second"]
    registry.remove("second")
    assert registry.names() == ["default"]


@pytest.mark.parametrize(
    "different",
    [
        {"owner": ProcessName(2**22 + 1, 1)},  # above the largest process id (proc(5), pid_max)
        {"owner": ProcessName(os.getpid(), 1)},  # this id, but a process that started at another time
        {"space": ProcessSpace("another boot", ProcessSpace.here().namespace)},
    ],
)
def test_one_that_was_killed_or_did_not_survive_a_restart(different: dict[str, Any]) -> None:
    """It is not up, whoever has its process id by now; `lab down` removes the entry."""
    write(entry(**different))
    assert registry.up() == []
    assert "not up any more: its keeper was killed, or the machine restarted" in refusal("default")
    found, was_up = take_down("default")
    assert (found.name, was_up) == ("default", False)
    assert registry.names() == []
    write(entry(**different))
    write(entry("second"))
    assert registry.prune() == ["default"]
    assert registry.names() == ["second"]


def test_one_of_another_container() -> None:
    """Whether it is up cannot be seen from here, so it stays."""
    write(entry(space=ProcessSpace(ProcessSpace.here().boot, 1)))
    assert "brought up in another container" in refusal("default")
    with pytest.raises(ScenarioError, match="another container"):
        take_down("default")
    assert registry.names() == ["default"]


def test_one_that_has_ended_by_itself() -> None:
    """Its error comes from the side that is at fault."""
    write(entry())
    registry.note_error(entry(), {"side": "lab", "exit_code": 4, "text": "the SIP server ended"})
    with pytest.raises(LabFault, match="lab `default` has ended by itself: the SIP server ended"):
        registry.find("default", "lab status")
    registry.note_error(entry(), {"side": "host", "exit_code": 3, "text": "no memory", "missing": "x", "fix": "y"})
    with pytest.raises(HostNotCapable, match="no memory"):
        registry.find("default", "lab status")


def test_no_such_lab() -> None:
    """The message names those that are up, or says how to bring one up."""
    assert refusal("default") == (
        "lab status --lab: no lab of this name is up, got `default`; run `lab up SCENARIO` first"
    )
    write(entry("phone"))
    assert "did you mean `phone`? one of phone" in refusal("phon")


@pytest.mark.parametrize("name", ["", "a/b", "../x", ".hidden", "x" * 65, "a b", "ä"])
def test_names(name: str) -> None:
    """A name is part of a file's name."""
    assert "not a name for a lab" in refusal(name)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"name": "default"}', '{"owner": 1}', "\udcff"])
def test_a_damaged_entry(text: str) -> None:
    """It is no lab's."""
    write(entry())
    (registry.folder() / "default.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    assert registry.up() == []
    assert "no lab of this name is up" in refusal("default")


def test_an_entry_is_json() -> None:
    """Other programs can read it."""
    write(entry())
    told = json.loads((registry.folder() / "default.json").read_text("utf-8"))
    assert (told["folder"], told["links"]) == ("/tmp/cell", {"lan": ["client", "server"]})


def test_a_folder_that_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host is at fault."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/dev/null")
    with pytest.raises(HostNotCapable, match="set XDG_RUNTIME_DIR"), registry.locked():
        pass
