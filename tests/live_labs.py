"""Labs that a test brings up (``lab up``), and takes down again whatever becomes of the test."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.docs.shell import execute

ROOT = Path(__file__).parent.parent


def environment(home: Path) -> dict[str, str]:
    """The user's environment, with a state and a runtime folder of the test's own."""
    own = {"XDG_STATE_HOME": str(home / "state"), "XDG_RUNTIME_DIR": str(home / "run"), "NO_COLOR": "1"}
    return {**os.environ, **own}


def entries(environment: Mapping[str, str]) -> list[Path]:
    """The registry's entries."""
    return sorted(Path(environment["XDG_RUNTIME_DIR"]).glob("lab/up/*.json"))


def take_all_down(environment: Mapping[str, str]) -> None:
    """Take down what is up, or was."""
    for entry in entries(environment):
        execute(f"lab down --lab {shlex.quote(entry.stem)}", ROOT, entry.parent, dict(environment))


@dataclass
class Labs:
    """Runs commands about labs that are up.

    Attributes:
        home: the test's own folder.
    """

    home: Path
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.environment = environment(self.home)
        self.home.mkdir(parents=True, exist_ok=True)

    def start(self, *arguments: str | Path) -> subprocess.Popen[str]:
        """Start a command, and do not wait."""
        return subprocess.Popen(
            [sys.executable, "-m", "lab", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
            cwd=ROOT,
        )

    def run(self, *arguments: str | Path, status: int = 0) -> str:
        """Run a command that must end with that status; return what it prints, on standard error too if that is not 0.

        It runs in a fork of this process, where everything is imported.
        """
        ended = execute(shlex.join(["lab", *map(str, arguments)]), ROOT, self.home, self.environment)
        assert ended.status == status, f"{arguments}: status {ended.status}\n{ended.out}\n{ended.err}"
        return ended.out if status == 0 else ended.out + ended.err

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        """Run a command with ``--json``, and return what it prints."""
        printed = self.run(*arguments, "--json", status=status)
        return json.loads(printed)

    def entry(self, name: str = "default") -> dict[str, Any]:
        """Return the registry's entry of a lab."""
        path = Path(self.environment["XDG_RUNTIME_DIR"]) / "lab" / "up" / f"{name}.json"
        told: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return told
