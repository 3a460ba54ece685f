"""``lab reference``: what a scenario can say."""

from __future__ import annotations

import json
import sys

from lab.errors import EXIT_CLAIMS_HOLD, Problem, ScenarioError
from lab.loader.check import choice
from lab.loader.file import schema
from lab.reference.markdown import all_names, markdown


def print_reference(names: list[str], *, json_schema: bool) -> int:
    """Print all of it, some of it, or the JSON schema of scenario files.

    Raises:
        ScenarioError: there is no such thing, or not as a schema.
    """
    if json_schema and names:
        problem = Problem("lab reference", 0, "--json-schema", "of whole files only", " ".join(names), "without names")
        raise ScenarioError([problem])
    known = all_names()
    unknown = [name for name in names if name not in known]
    if unknown:
        where = "lab reference"
        raise ScenarioError([Problem(where, 0, "", "no such thing", name, choice(name, known)) for name in unknown])
    text = json.dumps(schema(), indent=2) + "\n" if json_schema else markdown(tuple(names))
    sys.stdout.write(text)
    return EXIT_CLAIMS_HOLD
