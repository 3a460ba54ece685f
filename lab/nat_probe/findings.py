"""Keeps what was found in a file, so that an interrupted measurement goes on where it was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import Problem, ScenarioError
from lab.nat_probe.bracket import Bracket

FORMAT = 1


@dataclass
class Findings:
    """The answers so far.

    Attributes:
        path: where it is kept.
        responder: as the user named it.
        facts: each answer, by its question; JSON values.
        brackets: what is known of each timer.
    """

    path: Path
    responder: str
    facts: dict[str, Any] = field(default_factory=dict)
    brackets: dict[str, Bracket] = field(default_factory=dict)

    def note(self, question: str, answer: Any) -> None:
        """Keep an answer."""
        self.facts[question] = answer
        self.save()

    def bracket(self, question: str, *, longest: float, flows: int, resolution: float) -> Bracket:
        """Return what is known of a timer; of one that was measured further than now asked, all of it."""
        known = self.brackets.setdefault(question, Bracket(longest))
        known.longest, known.flows, known.resolution = longest, flows, resolution
        return known

    def save(self) -> None:
        """Write the file: all of it, or nothing."""
        told = {
            "lab-nat-probe-findings": FORMAT,
            "responder": self.responder,
            "facts": self.facts,
            "timers": {
                name: {"longest": each.longest, "reached": sorted(each.reached), "lost": sorted(each.lost.items())}
                for name, each in self.brackets.items()
            },
        }
        new = self.path.with_name(f"{self.path.name}.new")
        new.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
        new.replace(self.path)


def load(path: Path, responder: str) -> Findings:
    """Return what was found earlier; nothing if there is no such file.

    Raises:
        ScenarioError: it cannot be read, is something else, or was measured with another responder.
    """
    found = Findings(path, responder)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise ScenarioError([Problem(str(path), 0, "", "its folder does not exist")]) from None
        return found
    except (OSError, ValueError, RecursionError) as problem:
        raise ScenarioError(
            [Problem(str(path), 0, "", "cannot be read", str(problem), "name another --state")]
        ) from None
    try:
        if told["lab-nat-probe-findings"] != FORMAT:
            raise ValueError("another format")
        if told["responder"] != responder:
            what = "was measured with another responder"
            raise ScenarioError([Problem(str(path), 0, "", what, str(told["responder"]), "use another --state")])
        found.facts = dict(told["facts"])
        for name, each in told["timers"].items():
            lost = {float(idle): int(tries) for idle, tries in each["lost"]}
            found.brackets[str(name)] = Bracket(
                float(each["longest"]), reached={float(idle) for idle in each["reached"]}, lost=lost
            )
    except (LookupError, TypeError, ValueError, AttributeError):
        raise ScenarioError(
            [Problem(str(path), 0, "", "holds no findings of `lab probe`", allowed="use another --state")]
        ) from None
    return found
