"""One try of each fuzzer: what a seed makes, and whether the lab bears it."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import tempfile
import time
from pathlib import Path

from lab.cli.report import report_again
from lab.cli.why import why
from lab.errors import HostNotCapable, ScenarioError
from lab.loader.load import load_text
from tests.fuzz import run_folders, scenarios

MOST_S = 10.0
"""Processor time in which a scenario is loaded, or refused."""
LONGEST_PROBLEM = 1500
"""Characters of a problem of a scenario file."""
LONGEST_LINE = 1500
"""Characters of a line of a message."""


def damaged_run(seed: int, whole: Path) -> str:
    """Damage a copy of a run and report it again; return how the lab took it.

    Args:
        seed: of all that is random.
        whole: the run as it was kept.

    Raises:
        Exception: what the lab should have said in a sentence; the damage is noted in it.
    """
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "kept"
        shutil.copytree(whole, folder)
        done = run_folders.damage(folder, chance)
        try:
            said = [_said(lambda: report_again(folder, json=False)), _said(lambda: why([], folder))]
        except Exception as problem:
            problem.args = (*problem.args, f"seed {seed}: {done}")
            raise
        secret = folder.parent / "outside" / "secret"
        assert not secret.exists() or secret.read_text("utf-8") == run_folders.SECRET
        for text in filter(None, said):
            assert place in text or "no such cell" in text, (done, text)
            assert all(len(line) <= LONGEST_LINE for line in text.splitlines()), (done, text)
        return f"{done}: {' / '.join(said)}"


def scenario(seed: int) -> str:
    """Load a mutated scenario; return how the lab took it.

    Raises:
        Exception: what the lab should have said of it; the text is noted in it.
    """
    name, text = scenarios.mutated(random.Random(seed))
    path = scenarios.ROOT / name
    began = time.process_time()
    try:
        load_text(text, path)
        said = ""
    except ScenarioError as error:
        said = str(error)
        problems = error.problems
        assert problems, f"seed {seed}"
        for problem in problems:
            line = str(problem)
            assert line.isprintable(), f"seed {seed}: {line!r}"
            assert len(line) <= LONGEST_PROBLEM + len(problem.file), f"seed {seed}: {line!r}"
            assert problem.what, f"seed {seed}: {line!r}"
            assert problem.file.endswith(".yaml"), f"seed {seed}: {line!r}"
            assert problem.line or problem.path or "empty" in problem.what or said.count("\n") < 1, (
                f"seed {seed}: {line!r}"
            )
            assert problem.file != str(path) or problem.line <= len(text.splitlines()) + 1, f"seed {seed}: {line!r}"
    except Exception as problem:
        problem.args = (*problem.args, f"seed {seed}, of {name}")
        raise
    took = time.process_time() - began
    assert took < MOST_S, f"seed {seed}: {took:.1f} s"
    return said


def _said(command: object) -> str:
    """Return the problem that a command reports; empty: none."""
    assert callable(command)
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            command()
        except (ScenarioError, HostNotCapable) as problem:
            return str(problem)
    return ""
