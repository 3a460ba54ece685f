"""Defines the errors; each class says whose fault it is.

::

    LabError
    ├─ ScenarioError        the file is wrong                      exit 2  (author)
    ├─ HostNotCapable       this machine cannot do it              exit 3  (host)
    ├─ LabFault             we failed to build or run it           exit 4  (lab)
    └─ TeardownIncomplete   something was left behind              exit 5  (lab)

A strategy that does not keep its client reachable is not an error: it is the verdict ``fail``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lab.visible_text import visible

LONGEST_GOT = 300
"""Characters of what was given that a message shows."""

EXIT_CLAIMS_HOLD = 0
EXIT_CLAIM_BROKEN = 1
EXIT_INTERRUPTED = 130


class LabError(Exception):
    """Base of all errors the lab reports; ``exit_code`` is what ``lab`` exits with."""

    exit_code: ClassVar[int] = 4
    side: ClassVar[str] = "lab"


_VERBS = frozenset(
    {
        "add",
        "change",
        "choose",
        "close",
        "did",
        "expected",
        "end",
        "give",
        "indent",
        "install",
        "leave",
        "mend",
        "move",
        "put",
        "quote",
        "remove",
        "run",
        "save",
    }
    | {"rename", "replace", "see", "set", "shorten", "split", "try", "use", "write"}
)
"""First words of advice. Any other text about what is allowed stands after ``expected``."""


def advice(allowed: str) -> str:
    """Return the last part of a message with its verb: ``use …``, ``expected …``."""
    return allowed if allowed.partition(" ")[0] in _VERBS else f"expected {allowed}"


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing wrong with a file.

    Attributes:
        file: as the user named it.
        line: 1-based; 0 when the file as a whole is meant.
        path: key path, ``matrix.strategy[2].interval``; empty for the whole file.
        what: what is wrong, a clause without a full stop.
        got: what was given, as written, shortened; empty when nothing was.
        allowed: what is expected, a noun; or what to do, beginning with a verb (see `advice`).
    """

    file: str
    line: int
    path: str
    what: str
    got: str = ""
    allowed: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.path}" if self.path else ""
        got = f", got {visible(self.got, most=LONGEST_GOT)}" if self.got else ""
        allowed = f"; {advice(self.allowed)}" if self.allowed else ""
        return f"{where}{key}: {self.what}{got}{allowed}"


class ScenarioError(LabError):
    """The scenario (or a file it names) is wrong; holds every problem, sorted by file and line."""

    exit_code = 2
    side = "scenario"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class HostNotCapable(LabError):
    """This machine lacks something; ``fix`` says how to mend it."""

    exit_code = 3
    side = "host"

    def __init__(self, missing: str, *, fix: str) -> None:
        self.missing = missing
        self.fix = fix
        super().__init__(f"{missing}; {fix}")


class LabFault(LabError):
    """The lab failed to build or run a cell: a bug of ours, or a machine in trouble.

    Attributes:
        operation: what was being done.
        detail: what was seen (errno, exit status, last lines).
    """

    def __init__(self, operation: str, *, detail: str = "") -> None:
        self.operation = operation
        self.detail = detail
        super().__init__(f"{operation}: {detail}" if detail else operation)


class TeardownIncomplete(LabError):
    """Something the lab made is still there; ``left`` names each thing and the command that removes it."""

    exit_code = 5

    def __init__(self, left: tuple[str, ...]) -> None:
        self.left = left
        super().__init__("left behind: " + "; ".join(left))
