"""Executes a document: lays its files out, runs its commands, compares its outputs, runs its programs."""

from __future__ import annotations

from pathlib import Path

from tests.docs import blocks, documents, python_blocks, shell, shown
from tests.docs.blocks import Block
from tests.live_labs import take_all_down
from tests.schemas import check_folder

SHELL = ("sh", "console", "bash", "shell")
OUTPUT = ("text", "")


class Execution:
    """The execution of one document.

    Attributes:
        problems: what is wrong with the document, with the place of each.
    """

    def __init__(self, document: str, beside: Path, cells: Path) -> None:
        self.problems: list[str] = []
        self._document = document
        self._beside = beside
        self._work = documents.lay_out(document, beside)
        self._environment = documents.environment(beside, cells, shell.WIDTH)
        self._printed: dict[str, str] = {}
        self._last: str | None = None  # the output of the last block of commands

    def all(self) -> list[str]:
        """Execute all blocks; return what is wrong with them. Labs that are up then are taken down."""
        try:
            return self._all()
        finally:
            take_all_down(self._environment)

    def _all(self) -> list[str]:
        top, programs = self._work, []
        for block in blocks.read(documents.ROOT / self._document):
            if block.why_not("") is not None:
                self._last = None
                continue
            for command in block.first:
                self._run(command, block)
            if block.file:
                (self._work / block.file).write_text(block.text + "\n", encoding="utf-8")
            if block.language in SHELL:
                outputs = [self._run(each, block) for each in blocks.commands(block) if block.why_not(each) is None]
                self._last = "".join(outputs) if outputs else None
            elif block.language in OUTPUT:
                self._compare(block)
            elif block.language == "python":
                programs.append(block)
        for report in self._beside.rglob("report.json"):
            if not report.is_symlink():
                check_folder(report.parent)
        found = python_blocks.problems(programs, top, self._beside, self._environment)
        return [*self.problems, *(f"{self._document}:{each}" for each in found)]

    def _run(self, command: str, block: Block) -> str:
        ended = shell.execute(dict(block.instead).get(command, command), self._work, self._beside, self._environment)
        self._work = ended.folder
        if ended.status != block.status(command):
            said = f"{ended.out[-600:]}\n{ended.err[-1500:]}"
            self.problems.append(f"{self._document}:{block.line}: {command}: exit status {ended.status}\n{said}")
        self._printed[command] = ended.out
        return ended.out

    def _compare(self, block: Block) -> None:
        if block.output_of:
            real = self._printed.get(block.output_of) or self._run(block.output_of, block)
        elif (block.language or block.follows) and self._last is not None:
            real = self._last
        else:
            return
        if differs := shown.differences(block.text, real):
            place = f"{self._document}:{block.line}: other output than shown"
            self.problems.append("\n".join([place, *differs, "all:", real]))
