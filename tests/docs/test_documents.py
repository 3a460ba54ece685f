"""The commands, outputs and programs in the documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.docs import blocks, documents, python_blocks, shell, shown
from tests.docs.blocks import Block

pytestmark = [pytest.mark.virtual, pytest.mark.xdist_group("documents")]


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of cells for all documents."""
    if kernel.find() is None:
        kernel.build()
    return tmp_path_factory.mktemp("cells")


@pytest.mark.parametrize("document", documents.DOCUMENTS)
def test_a_document(document: str, cells: Path, tmp_path: Path) -> None:
    """Each command runs as the document says, and prints what it shows."""
    work = documents.lay_out(document, tmp_path)
    environment = documents.environment(tmp_path, cells, shell.WIDTH)
    all_blocks = blocks.read(documents.ROOT / document)
    found: list[str] = []
    printed: dict[str, str] = {}

    def run(command: str, block: Block) -> str:
        ended = shell.execute(dict(block.instead).get(command, command), work, environment)
        if ended.status != block.status(command):
            said = f"{ended.out[-600:]}\n{ended.err[-1500:]}"
            found.append(f"{document}:{block.line}: {command}: exit status {ended.status}\n{said}")
        printed[command] = ended.out
        return ended.out

    last: str | None = None
    for block in all_blocks:
        if block.why_not("") is not None:
            last = None
            continue
        for command in block.first:
            run(command, block)
        if block.file:
            (work / block.file).write_text(block.text + "\n", encoding="utf-8")
        if block.language in documents.SHELL:
            outputs = [run(each, block) for each in blocks.commands(block) if block.why_not(each) is None]
            last = "".join(outputs) if outputs else None
        elif block.language in documents.OUTPUT:
            if block.output_of:
                real = printed.get(block.output_of) or run(block.output_of, block)
            elif block.follows and last is not None:
                real = last
            else:
                continue
            if differs := shown.differences(block.text, real, part=block.part):
                found.append("\n".join([f"{document}:{block.line}: other output than shown", *differs, "all:", real]))
    programs = [block for block in all_blocks if block.language == "python" and block.why_not("") is None]
    found += [f"{document}:{each}" for each in python_blocks.problems(programs, work, environment)]
    assert not found, "\n\n".join(found)
