"""``lab list`` and ``lab show``: everything there is, in a window of 80 columns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from lab.cli import list as listing
from lab.cli import show
from lab.cli.choices import KindChoice
from lab.cli.main import app
from lab.errors import ScenarioError
from lab.loader import catalog
from lab.reference import things

KINDS = [kind.name for kind in things.kinds()]
WIDTH = 80


def lab(*arguments: str) -> str:
    ended = CliRunner().invoke(app, arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def test_the_kinds_of_the_command() -> None:
    """`lab list` takes each of them."""
    assert [each.value for each in KindChoice] == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_listed(kind: str) -> None:
    """A line begins with each name, in 80 columns; JSON has the same."""
    found = things.kind(kind)
    lines = list(listing.middleboxes(WIDTH) if kind == "middleboxes" else listing.lines(found, WIDTH))
    begun = [line.split()[0] for line in lines if line and not line.startswith((" ", "─"))]
    assert [name for name in found.names() if name not in begun] == []
    assert max(map(len, lines)) <= WIDTH
    assert [each["name"] for each in json.loads(lab("list", kind, "--json"))] == list(found.names())


@pytest.mark.parametrize("kind", KINDS)
def test_everything_can_be_shown(kind: str) -> None:
    """What it is, in 80 columns, and of what is sourced the source; of scenarios some, since all take long to load."""
    for name in things.kind(kind).names()[:: 9 if kind == "scenarios" else 1]:
        thing = things.kind(kind).find(name)
        lines = list(show.lines("thing", thing, WIDTH))
        assert lines[0] == f"{name} (thing)"
        drawing = thing.what.rpartition("```")[0].splitlines()
        wrapped = [
            line for line in lines if line[2:] not in drawing and "/" not in line
        ]  # no paths, which have no gaps
        assert max(map(len, wrapped)) <= WIDTH
        assert things.kind(kind).summary(name)
        if kind in ("middleboxes", "strategies", "mitigations"):
            assert dict(thing.notes)["source"]


def test_a_narrow_window() -> None:
    """Texts stand beneath their names where there is no room beside them."""
    lines = list(listing.lines(things.kind("scenarios"), 40))
    assert lines[:2] == ["article/advice-1a-transaction-timers-udp", "    1a: longer transaction timers make"]
    assert max(map(len, lines)) <= len("article/best-practice-keep-alive-and-idle-time")


@pytest.mark.parametrize(
    ("name", "kinds"),
    [("reboot", ["middlebox", "fault"]), ("reconnect", ["strategy", "mitigation"]), ("cgn", ["middlebox", "topology"])],
)
def test_a_name_of_several(name: str, kinds: list[str]) -> None:
    """Each of them is shown."""
    heads = [line for line in lab("show", name).splitlines() if line.startswith(f"{name} (")]
    assert heads == [f"{name} ({kind})" for kind in kinds]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("aws-natgw", "  established-idle-timeout: 350 s [documented]\n"),
        ("aws-natgw", "RST to the inside"),
        ("never-forgets", "  established-idle-timeout: never [synthetic]\n"),
        ("black-hole", "    node: the name of a node (required)\n"),
        ("black-hole", "  causes: flow-black-holed\n"),
        ("wifi-and-cellular", "  client ────┤                           ├── internet ──core── server\n"),
        ("article/idle-subscription", "  strategy: none, options-ping-25s, options-ping-40s, hold-transport\n"),
        ("none", "over UDP every 12 s to 14 s"),
    ],
)
def test_what_is_shown(name: str, said: str) -> None:
    """Parameters, values with how well they are known, sources, drawings."""
    assert said in lab("show", name)


def test_profiles_as_middlebox_list_has_them() -> None:
    """The older command prints the same, and shows those that are named."""
    assert lab("middlebox", "list") == lab("list", "middleboxes")
    assert lab("middlebox", "list", "reboot") == lab("show", "reboot").partition("reboot (fault)")[0]
    listed = json.loads(lab("middlebox", "list", "--json"))
    assert [each["name"] for each in listed] == catalog.middlebox_names()
    assert all(each["source"] and each["evidence"] for each in listed)
    named: list[dict[str, Any]] = json.loads(lab("middlebox", "list", "reboot", "--json"))
    assert [each["name"] for each in named] == ["reboot"]


def test_what_abbreviations_mean() -> None:
    """Each that the table uses is explained below it."""
    text = lab("list", "middleboxes")
    table, _, legend = text.partition("\n\n")
    used = {word for line in table.splitlines()[2:] for word in line.split()[4].split("/")}
    assert used <= {"EIM", "ADM", "APDM", "EIF", "ADF", "APDF"}
    assert all(word in legend for word in used)
    grades = {letter for line in table.splitlines()[2:] for letter in line.split()[5]}
    assert all(f"{letter} " in legend for letter in grades)
    assert len(table.splitlines()) == len(catalog.middlebox_names()) + 2


def test_what_there_is_not() -> None:
    """The nearest name is said."""
    with pytest.raises(ScenarioError, match="did you mean `hold-transport`"):
        show.show(["hold-transprt"])
