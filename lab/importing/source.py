"""Holds what a format needs to know of the file that it reads, and takes its remarks."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lab.errors import Problem, ScenarioError

HEAD = 4096
"""So many bytes of a file say what it is."""
MOST_REMARKS = 20


class Pseudonyms:
    """Names in the place of personal data: the same for the same text within an import, another in the next."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(16)

    def __call__(self, text: str) -> str:
        """Return the pseudonym of a text; an empty text has none."""
        return hashlib.blake2b(text.encode(errors="replace"), key=self._key, digest_size=8).hexdigest() if text else ""


@dataclass(kw_only=True)
class Source:
    """A file that is read.

    Attributes:
        path: of the file.
        number: of the file among those of the import, from 0.
        pseudonym: returns a name for personal data.
        keys: TLS secrets by client random and label; a format adds those that the file has.
        wanted: whether packets between two hosts matter, where a format can leave out others; None: all do.
        remarks: sentences on what could not be read.
        until: the time of the last thing in the file, whatever it was; a format says so as it reads.
    """

    path: Path
    number: int = 0
    pseudonym: Callable[[str], str] = field(default_factory=Pseudonyms)
    keys: dict[tuple[bytes, str], bytes] = field(default_factory=dict)
    wanted: Callable[[str, str], bool] | None = None
    remarks: list[str] = field(default_factory=list)
    until: float = 0.0

    def remark(self, text: str) -> None:
        """Take a sentence on what could not be read; the first of them are kept."""
        if len(self.remarks) < MOST_REMARKS and text not in self.remarks:
            self.remarks.append(text)

    def problem(self, what: str, *, allowed: str = "") -> ScenarioError:
        """Return the error of a file of which nothing can be read."""
        return ScenarioError([Problem(str(self.path), 0, "", what, allowed=allowed)])
