"""Makes the JSON Schema of ``report.json`` from the types in `lab.report.document`."""

from __future__ import annotations

import inspect
from typing import Any, TypedDict, get_type_hints

import msgspec

from lab.docstrings import attributes_of, paragraphs
from lab.model import outcome
from lab.report import document
from lab.report.document import BrokenCellEntry, CellEntry, Report

_REFERENCE = "#/$defs/{name}"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a report: every key must be there, and no other may be."""
    keys = get_type_hints(Report) | {"cells": list[CellEntry]}  # msgspec knows no union of two mappings
    top = TypedDict("Report", keys)  # type: ignore[misc]  # the keys are known only here
    _, components = msgspec.json.schema_components((top, BrokenCellEntry), ref_template=_REFERENCE)
    described = {name: _described(component) for name, component in components.items()}
    report = described.pop("Report")
    either = [{"$ref": _REFERENCE.format(name=each.__name__)} for each in (CellEntry, BrokenCellEntry)]
    report["properties"]["cells"]["items"] = {"anyOf": either}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **report, "$defs": described}


def _described(component: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a type with the texts of its docstring, and closed."""
    if "properties" not in component:
        return component
    kind = getattr(document, component["title"], None) or getattr(outcome, component["title"])
    what, _, attributes = inspect.cleandoc(kind.__doc__).partition("Attributes:\n")
    meanings = attributes_of(attributes)
    names = list(get_type_hints(kind))
    properties = component["properties"]
    return {
        "title": component["title"],
        "description": paragraphs(what),
        "type": "object",
        "properties": {
            name: {
                **{key: value for key, value in properties[name].items() if key != "default"},
                "description": meanings[name],
            }
            for name in names
        },
        "required": names,
        "additionalProperties": False,
    }
