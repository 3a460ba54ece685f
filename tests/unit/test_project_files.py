"""Compares the project's own files: one version, locks without addresses, workflows that run scripts that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from lab import DISTRIBUTION, __version__

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("*.lock")) + sorted(ROOT.glob("docker/*.lock")) + sorted(ROOT.glob("lab/**/*.lock"))
FORMS = sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*-*.yml"))


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_the_changelog_begins_with_the_version() -> None:
    first, *_ = re.findall(r"^## (\S+)", text("CHANGELOG.md"), re.MULTILINE)
    assert first == __version__


def test_the_version_stands_in_one_place() -> None:
    """Package metadata take it from there; no page names it."""
    assert 'dynamic = ["version"]' in text("pyproject.toml")
    assert f'name = "{DISTRIBUTION}"' in text("pyproject.toml")
    pages = [path for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")) if __version__ in path.read_text("utf-8")]
    assert pages == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_lock_names_no_place_to_fetch_from(lock: Path) -> None:
    """Each package has hashes, and none an address."""
    content = lock.read_text("utf-8")
    assert "://" not in content
    assert "index" not in content
    packages = re.findall(r"^[a-z0-9].*", content, re.MULTILINE)
    assert packages
    assert content.count(" \\\n    --hash=sha256:") >= len(packages)


def test_all_locks_were_found() -> None:
    """So that the test above cannot pass for want of files."""
    assert {path.name for path in LOCKS} == {"requirements.lock", "requirements-dev.lock", "alone.lock"}
    assert len(LOCKS) == 4


@pytest.mark.parametrize("name", ["test.yml", "release.yml"])
def test_workflows_run_the_scripts(name: str) -> None:
    """What they call is there and can be executed."""
    jobs = YAML(typ="safe").load(text(f".github/workflows/{name}"))["jobs"]
    commands = [step["run"].split()[0] for job in jobs.values() for step in job["steps"] if "run" in step]
    own = [ROOT / command for command in commands if command.startswith(("scripts/", ".ci/"))]
    assert own
    assert all(path.stat().st_mode & 0o111 for path in own)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms_ask_for_scenario_doctor_and_bundle(form: Path) -> None:
    fields = {field["id"]: field for field in YAML(typ="safe").load(form)["body"]}
    assert {"scenario", "doctor", "bundle"} <= fields.keys()
    assert "lab doctor" in fields["doctor"]["attributes"]["description"]
