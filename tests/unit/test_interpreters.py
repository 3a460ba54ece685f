"""Every Python version that pyproject.toml allows can read a cell: its type annotations, its syntax, its library."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lab.loader.load import load
from lab.model.wire import to_json

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")

READS_A_CELL = """
import json, sys
from lab.mitigations import classes
from lab.model.scenario import Cell
from lab.model.wire import from_json, to_json
plugins = {cls.__name__: cls for cls in classes().values()}
print(json.dumps(to_json(from_json(Cell, json.load(sys.stdin), plugins=plugins))))
"""
"""Needs only the standard library, so an interpreter without our packages can run it."""


def test_versions_are_those_declared() -> None:
    """The versions tested are the ones that the package says it is for; later ones may work."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'requires-python = ">={VERSIONS[0]}"' in text
    assert tuple(re.findall(r'"Programming Language :: Python :: (3\.\d+)"', text)) == VERSIONS


def test_class_variables_name_their_type() -> None:
    """Python 3.10 does not resolve a bare ``ClassVar``, so no cell with such a class can be read there."""
    bare = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in sorted((ROOT / "lab").rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r":\s*ClassVar\b(?!\[)", line)
    ]
    assert bare == []


@pytest.mark.parametrize("version", VERSIONS)
def test_reads_a_cell(version: str) -> None:
    """Each interpreter on this machine reads a cell and writes it back unchanged."""
    data = to_json(load(ROOT / "scenarios" / "article" / "idle-subscription.yaml").cells[-1])
    done = subprocess.run(
        [_interpreter(version), "-c", READS_A_CELL],
        input=json.dumps(data),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == data


def _interpreter(version: str) -> str:
    """Return the path of an interpreter of that version; skip the test where there is none."""
    managed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}"))
    found = str(managed[-1]) if managed else shutil.which(f"python{version}")
    if found is None:
        pytest.skip(f"needs python{version} on the PATH or from pyenv (pyenv install {version})")
    return found
