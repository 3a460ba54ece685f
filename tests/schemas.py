"""Checks files for programs against their schemas: ``report.json`` and JUnit XML."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import xmlschema

from lab.report.schema import schema


def check_report(document: dict[str, Any]) -> None:
    """Fail if this is not a report as its schema says."""
    problems = [f"{error.json_path}: {error.message[:300]}" for error in _report().iter_errors(document)]
    assert not problems, "\n".join(problems)


def check_junit(text: str) -> None:
    """Fail if this is not JUnit XML, or if its counts are not those of its test cases."""
    problems = [f"{error.path}: {error.reason}" for error in _junit().iter_errors(text)]
    assert not problems, "\n".join(problems)
    suite = ElementTree.fromstring(text)
    counts = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
    assert {key: int(suite.get(key, "")) for key in counts} == {
        key: len(suite.findall(at)) for key, at in counts.items()
    }


def check_folder(run: Path) -> None:
    """Check the files of a run folder."""
    check_report(json.loads((run / "report.json").read_text(encoding="utf-8")))
    check_junit((run / "junit.xml").read_text(encoding="utf-8"))


@cache
def _report() -> jsonschema.Draft202012Validator:
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


@cache
def _junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(Path(__file__).parent / "junit.xsd")
