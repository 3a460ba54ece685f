"""The reference of scenario files: it is complete, it is what the loader takes, and the copy in docs is current."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from lab.cli.reference import print_reference
from lab.errors import ScenarioError
from lab.loader import catalog
from lab.loader.one_key_mappings import faults, mitigations
from lab.loader.scenario_file import ScenarioFile
from lab.model.middlebox import Middlebox
from lab.model.rules import kebab
from lab.model.scenario import Claim, Client, Expectation, Probe, Server
from lab.reference.chapters import chapters
from lab.reference.markdown import all_names, markdown

ROOT = Path(__file__).parents[2]
MAPPINGS = {
    "scenario": ScenarioFile, "server": Server, "client": Client, "probes": Probe, "expect": Expectation,
    "claims": Claim, "middlebox": Middlebox, **faults(), **mitigations(),
}  # fmt: skip


def test_the_copy_in_docs_is_current() -> None:
    """After a change: `lab reference > docs/reference.md`."""
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == markdown()


@pytest.mark.parametrize("name", MAPPINGS)
def test_all_keys_are_told(name: str) -> None:
    """With their defaults: required if and only if the class has none."""
    told = {
        key.name: key for chapter in chapters() for thing in chapter.things if thing.name == name for key in thing.keys
    }
    fields = {kebab(field.name): field for field in dataclasses.fields(MAPPINGS[name]) if field.init}
    assert told.keys() == fields.keys()
    for key, field in fields.items():
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        assert (told[key].default is None) == required


def test_every_key_has_a_meaning() -> None:
    """A key without one leaves the reader to guess."""
    told = [(thing.name, key) for chapter in chapters() for thing in chapter.things for key in thing.keys]
    assert len(told) > 150
    assert [(name, key.name) for name, key in told if not key.meaning] == []


def test_all_there_is_has_its_place() -> None:
    """Faults, mitigations, strategies by name; middleboxes in one list."""
    assert {*faults(), *mitigations(), *catalog.strategy_names()} <= set(all_names())
    text = markdown(("middleboxes by name",))
    assert all(f"`{name}`" in text for name in catalog.middlebox_names())


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("black-hole", "| `direction` | one of both, in, out | `both` | of the packets that it drops, seen from the"),
        ("server-options-25s", "- mitigations: `server-options: { interval: 25 s, retransmits: true }`"),
        (
            "dns-change",
            "| `address` | an IPv4 address such as `198.51.100.3` | **required** | the new one, in the same subnet.",
        ),
        ("server-restart", "| `down` | a quantity such as `33 s` | `1 s` | how long nothing listens. |"),
        ("link-down", "| `link` | the name of a link | **required** |"),
        ("client", "`register-and-subscribe`: A registration, and then a presence subscription. |"),
        ("options-ping-25s", "- mitigations: `options-ping: { interval: 25 s }`"),
        ("outbound", "- needs: a registered account"),
        ("scenario", "name of a network that comes with the lab, or of a file in the nearest `topologies` folder"),
        ("wifi-and-cellular", " client ────┤                           ├── internet ──core── server\n"),
    ],
)
def test_what_is_told(name: str, row: str) -> None:
    """What may stand there, the default, and the meaning, words of a list included."""
    assert row in markdown((name,))


def test_a_part_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """What was asked for and nothing else; a mitigation and a strategy of the same name both."""
    assert print_reference(["reconnect"], json_schema=False) == 0
    printed = capsys.readouterr().out
    headings = [line for line in printed.splitlines() if line.startswith("#")]
    assert headings == ["### Mitigations: reconnect", "### Strategies: reconnect"]
    assert "| `longest` |" in printed


def test_what_there_is_not() -> None:
    """Named, with what was probably meant."""
    with pytest.raises(ScenarioError, match=r"no such thing, got dns-chnage; did you mean `dns-change`\?"):
        print_reference(["dns-chnage"], json_schema=False)


def test_a_schema_of_parts() -> None:
    """There is none; names beside the option would otherwise mean nothing."""
    with pytest.raises(ScenarioError, match="of whole files only, got reconnect; leave names out"):
        print_reference(["reconnect"], json_schema=True)


def test_the_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """What `lab reference --json-schema` prints is JSON, and requires what the loader requires."""
    assert print_reference([], json_schema=True) == 0
    assert set(json.loads(capsys.readouterr().out)["required"]) == {"title", "topology", "probes", "ends"}
