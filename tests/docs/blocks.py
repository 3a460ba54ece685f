"""Reads the fenced blocks of a Markdown file, and the comments above them that say how a test treats them.

A comment is a line of its own, directly above the block; there may be several::

    <!-- run first: lab run article/all --only failure=nat-silent -->
    <!-- not run `docker ps`: needs a cell that runs -->

============================ ===============================================================================
comment                      meaning
============================ ===============================================================================
``not run: REASON``          nothing of the block is executed
``not run `START`: REASON``  the commands that begin with START are not executed
``run `COMMAND` as: OTHER``  OTHER is executed in place of COMMAND: the same, made cheaper
``run first: COMMAND``       executed before the block: what the reader has done already
``file: NAME``               the block is the content of that file
``output of: COMMAND``       the block is output of that command, wherever the command stands
``status N: COMMAND``        the command ends with that status; otherwise it must end with 0
============================ ===============================================================================

A ``text`` block is output of the commands of the last block above it; so is a block without a language directly below
commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"(?P<indent> *)(?P<ticks>```+)(?P<language>[\w-]*)")
COMMENT = re.compile(r"\s*<!-- *(?P<text>.*?) *-->\s*")
DIRECTIVE = re.compile(r"(?P<name>not run|run first|run|file|output of|status)\b *(?P<rest>.*)")
NOT_RUN = re.compile(r"(?:`(?P<start>[^`]+)`)? *: *(?P<reason>.*)")
INSTEAD = re.compile(r"`(?P<command>[^`]+)` as: *(?P<other>.+)")
HEREDOC = re.compile(r"<<-?\s*['\"]?(?P<end>\w+)")


@dataclass(frozen=True)
class Skip:
    """Commands that a test does not execute.

    Attributes:
        start: how they begin; empty: all of the block.
        reason: why, for people.
    """

    start: str
    reason: str


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        line: of its opening fence, from 1.
        language: as written behind the fence; may be empty.
        text: what stands in it.
        skips: the commands that are not executed.
        instead: what is executed in place of a command, by command.
        first: commands to run before it.
        file: the name of the file whose content it is; empty: of none.
        output_of: the command whose output it is; empty: see `follows`.
        statuses: the exit status of commands, by command.
        follows: whether only blank lines and comments stand between it and the block above.
    """

    line: int
    language: str
    text: str
    skips: tuple[Skip, ...] = ()
    instead: tuple[tuple[str, str], ...] = ()
    first: tuple[str, ...] = ()
    file: str = ""
    output_of: str = ""
    statuses: tuple[tuple[str, int], ...] = ()
    follows: bool = False

    def why_not(self, command: str) -> str | None:
        """Return the reason why this command is not executed; None: it is."""
        return next((skip.reason for skip in self.skips if command.startswith(skip.start)), None)

    def status(self, command: str) -> int:
        """Return the status with which this command must end."""
        return dict(self.statuses).get(command, 0)


def read(path: Path) -> list[Block]:
    """Return the blocks of a Markdown file."""
    return list(parse(path.read_text(encoding="utf-8")))


def parse(text: str) -> Iterator[Block]:
    """Yield the blocks of a Markdown text."""
    lines = text.splitlines()
    above: list[str] = []  # comments since the last line of text
    at, follows = 0, False
    while at < len(lines):
        line = lines[at]
        if fence := FENCE.match(line.rstrip()):
            end = at + 1
            while end < len(lines) and lines[end].strip() != fence["ticks"]:
                end += 1
            content = [each.removeprefix(fence["indent"]) for each in lines[at + 1 : end]]
            yield _block(at + 1, fence["language"], "\n".join(content), above, follows=follows)
            at, above, follows = end + 1, [], True
            continue
        if comment := COMMENT.fullmatch(line):
            above.append(comment["text"])
        elif line.strip():
            above, follows = [], False
        at += 1


def _block(line: int, language: str, text: str, comments: list[str], *, follows: bool) -> Block:
    found = [match for match in map(DIRECTIVE.fullmatch, comments) if match]

    def told(name: str) -> list[str]:
        return [match["rest"] for match in found if match["name"] == name]

    def after_colon(name: str) -> list[str]:
        return [rest.removeprefix(":").strip() for rest in told(name)]

    skips, instead = [NOT_RUN.fullmatch(rest) for rest in told("not run")], list(map(INSTEAD.fullmatch, told("run")))
    assert all(skips), f"line {line}: a comment `not run` has no `: REASON`"
    assert all(instead), f"line {line}: a comment `run` is not: run `COMMAND` as: OTHER"
    statuses = [rest.partition(":") for rest in told("status")]
    return Block(
        line=line,
        language=language,
        text=text,
        skips=tuple(Skip(skip["start"] or "", skip["reason"].strip()) for skip in skips if skip),
        instead=tuple((each["command"], each["other"].strip()) for each in instead if each),
        first=tuple(after_colon("run first")),
        file=next(iter(after_colon("file")), ""),
        output_of=next(iter(after_colon("output of")), ""),
        statuses=tuple((command.strip(), int(number)) for number, _, command in statuses),
        follows=follows,
    )


def commands(block: Block) -> Iterator[str]:
    """Yield the commands of a block of shell: a command may go on behind a backslash, and have a here-document."""
    lines = iter(block.text.splitlines())
    for line in lines:
        command = line.removeprefix("$ ") if block.language == "console" else line
        while command.endswith("\\"):
            command += "\n" + next(lines)
        if heredoc := HEREDOC.search(command):
            for content in lines:
                command += "\n" + content
                if content.strip() == heredoc["end"]:
                    break
        elif command.startswith(("for ", "if ")):
            while not command.rstrip().endswith(("done", "fi")):
                command += "\n" + next(lines)
        command = _without_comment(command).strip()
        if command:
            yield command


def _without_comment(command: str) -> str:
    return command if "\n" in command else re.sub(r"(^|\s)#\s.*", "", command)
