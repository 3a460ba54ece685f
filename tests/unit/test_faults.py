"""Every module of ``lab/faults`` is a whole fault, and nothing else in the lab knows which there are."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from pathlib import Path

import msgspec
import pytest

from lab.faults import base, catalog
from lab.faults.base import Fault
from lab.loader import one_key_mappings
from lab.model import fault as model
from lab.model import verdict
from lab.model.verdict import CauseKind
from lab.reference.markdown import markdown

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "lab" / "faults"
NO_FAULTS = {"base", "catalog", "feasibility"}
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
FAULTS = {stem.replace("_", "-"): stem for stem in MODULES if stem not in NO_FAULTS}


def fault(name: str) -> type[Fault]:
    return catalog.classes()[name]


def test_every_module_is_a_fault() -> None:
    """It is found by being there, alone or with the others, under its module's name."""
    assert catalog.classes().keys() == FAULTS.keys()
    assert one_key_mappings.faults() == catalog.classes()
    for name, stem in FAULTS.items():
        assert fault(name).__module__ == f"lab.faults.{stem}"
        assert catalog.find(fault(name).__name__) is fault(name)


@pytest.mark.parametrize("name", ["Meteor", "Base", "Fault", "Catalog", "_Links", "", ".", "../model/fault", "os"])
def test_what_is_no_fault_is_not_found(name: str) -> None:
    """Nor is a module that only faults use."""
    with pytest.raises(ValueError, match="no fault"):
        catalog.find(name)


def test_the_list_is_in_order() -> None:
    """By their own numbers, then by name."""
    listed = [(cls.order, name) for name, cls in catalog.classes().items()]
    assert listed == sorted(listed)


@pytest.mark.parametrize("name", FAULTS)
def test_its_parameters(name: str) -> None:
    """A frozen dataclass with slots, which says in a docstring what it does."""
    cls = fault(name)
    assert issubclass(cls, model.Fault)
    assert cls.__doc__ is not None
    assert len(cls.__doc__.partition("\n")[0]) > 20
    assert dataclasses.fields(cls)[0].name == "at"
    assert getattr(cls, "__dataclass_params__").frozen  # noqa: B009  (typeshed does not have it)
    assert "__slots__" in vars(cls)


@pytest.mark.parametrize("name", FAULTS)
def test_its_proof(name: str) -> None:
    """A frozen struct with a docstring; its fields have JSON."""
    proof = fault(name).Proof
    assert issubclass(proof, msgspec.Struct)
    assert proof.__struct_config__.frozen
    assert proof.__doc__
    assert msgspec.structs.fields(proof)
    msgspec.json.Decoder(proof, dec_hook=lambda kind, value: value)


@pytest.mark.parametrize("name", FAULTS)
def test_its_causes(name: str) -> None:
    """Named as claims name them, and explained; no two faults share one, nor with the judge."""
    for cause in fault(name).causes:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)+", cause.name)
        assert cause.what.startswith("Fault: ")
        assert cause.what.endswith(".")
    assert fault(name).causes
    every = [cause.name for cls in catalog.classes().values() for cause in cls.causes]
    assert len(every) == len(set(every))
    own = [one for one in vars(verdict).values() if isinstance(one, CauseKind)]
    assert len(one_key_mappings.causes()) == len(every) + len(own)
    assert set(every) < one_key_mappings.causes().keys()


MUST = ("begin", "missing", "words", "impact")
"""What `Fault` leaves to each."""


@pytest.mark.parametrize("name", FAULTS)
def test_what_it_must_say(name: str) -> None:
    """How it is done, what proves it, in what words it is told, what it costs."""
    for hook in MUST:
        assert getattr(fault(name), hook) is not getattr(Fault, hook), hook


def test_what_all_must_say_is_what_the_base_does_not() -> None:
    """The list above is complete: these and no others raise NotImplementedError in the base."""
    functions = {name: value for name, value in vars(Fault).items() if inspect.isfunction(value)}
    left = {name for name, value in functions.items() if "NotImplementedError" in value.__code__.co_names}
    assert left == set(MUST)


@pytest.mark.parametrize("name", FAULTS)
def test_when_it_cannot_happen(name: str) -> None:
    """It says of what kind it is: where it acts, what it sets in the server, and in what states that cannot be."""
    cls = fault(name)
    keys = {field.name for field in dataclasses.fields(cls)}
    assert cls.acts_on in typing.get_args(typing.get_type_hints(Fault)["acts_on"].__args__[0])
    if cls.acts_on:
        assert len(keys & {"node", "link"}) == 1
    if cls.acts_on == "table":
        assert "node" in keys
    assert cls.not_while <= {base.STANDS_STILL, base.IS_DOWN}
    if cls.holds:
        assert "lasts" in keys or cls.is_change or "lasts_s" in vars(cls)


@pytest.mark.parametrize("name", FAULTS)
def test_it_has_no_hook_of_its_own(name: str) -> None:
    """What nobody asks for would do nothing: its public methods are those of the base."""
    own = {key for key in vars(fault(name)) if not key.startswith("_")} - {
        field.name for field in dataclasses.fields(fault(name))
    }
    assert own <= {*vars(Fault), *vars(model.Fault), *typing.get_type_hints(Fault)}


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_in_the_reference(name: str) -> None:
    """With its causes."""
    text = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert text == markdown()
    assert f"\n### {name}\n" in text
    for cause in fault(name).causes:
        assert f"- `{cause.name}`: {cause.what}\n" in text


HYPOTHESES = ROOT / "lab" / "importing" / "hypotheses"
"""These write scenarios: each explains what a capture shows by a fault that it names."""
OTHERS = {
    path.relative_to(ROOT): path.read_text("utf-8")
    for path in sorted((ROOT / "lab").rglob("*.py"))
    if FOLDER not in path.parents and HYPOTHESES not in path.parents
}


@pytest.mark.parametrize("name", FAULTS)
def test_nobody_else_names_it(name: str) -> None:
    """Neither its class, nor its module, nor its kind as scenarios write it, nor its causes."""
    cls = fault(name)
    words = [rf"\b{cls.__name__}\b", rf"lab\.faults\.{FAULTS[name]}\b", rf"""["'`]{name}["'`:]"""]
    if "-" in name:  # a word of one part is one of English, too
        words.append(rf"(?<![\w-]){name}(?![\w-])")
    words += [rf"(?<![\w-]){cause.name}(?![\w-])" for cause in cls.causes]
    found = [str(path) for path, text in OTHERS.items() for word in words if re.search(word, text)]
    assert found == []


@pytest.mark.parametrize("name", FAULTS)
def test_other_faults_do_not_name_it(name: str) -> None:
    """Nor what faults share: one can be taken away without touching another."""
    texts = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.py") if path.stem != FAULTS[name]}
    used = rf"\b{fault(name).__name__}\b|lab\.faults\.{FAULTS[name]}\b"
    assert [stem for stem, text in texts.items() if re.search(used, text)] == []
