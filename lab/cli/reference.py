"""Implements ``lab reference``: prints the keys of a scenario file."""

from __future__ import annotations

import json
import sys
from typing import Any

from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.loader.conversion import choice
from lab.loader.scenario_file import schema
from lab.reference import record_page
from lab.reference.markdown import all_names, markdown
from lab.report.schema import schema as report_schema


def print_reference(names: list[str], *, json_schema: bool, record: bool = False, report: bool = False) -> int:
    """Print all of it, some of it, the page about records, the JSON schema of either, or that of reports.

    Raises:
        ScenarioError: there is no such thing, or not as a schema.
    """
    if json_schema and names:
        problem = Problem(
            "lab reference", 0, "--json-schema", "of whole files only", " ".join(names), "leave names out"
        )
        raise ScenarioError([problem])
    options = [option for option, given in (("--record", record), ("--report", report)) if given]
    if options and (more := [*options[1:], *names]):
        problem = Problem("lab reference", 0, options[0], "a page of its own", " ".join(more), "leave the rest out")
        raise ScenarioError([problem])
    if report:
        sys.stdout.write(_json(report_schema()))
        return EXIT_CLAIMS_HOLD
    if record:
        sys.stdout.write(_json(record_page.schema()) if json_schema else record_page.markdown())
        return EXIT_CLAIMS_HOLD
    known = all_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        where = "lab reference"
        raise ScenarioError([Problem(where, 0, "", "no such thing", name, choice(name, known)) for name in unknown])
    sys.stdout.write(_json(schema()) if json_schema else markdown(tuple(names)))
    return EXIT_CLAIMS_HOLD


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"
