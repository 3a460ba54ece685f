"""Executes the Python blocks of a document, one after the other, in one namespace that has `lab`.

A comment behind a ``print`` is what it prints, by the rule of `tests.docs.shown`; in a loop, one of the lines is that.
Functions named ``test_…`` are called.
"""

from __future__ import annotations

import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.docs.blocks import Block
from tests.docs.shell import in_child
from tests.docs.shown import same_line


def problems(blocks: Iterable[Block], folder: Path, beside: Path, environment: dict[str, str]) -> list[str]:
    """Execute the blocks in a folder, in a child; return what is wrong with them."""
    found = beside / "problems.txt"
    found.touch()
    in_child(lambda: found.write_text("\n".join(_problems(blocks)), encoding="utf-8"), folder, environment, beside)
    return found.read_text(encoding="utf-8").splitlines()


def _problems(blocks: Iterable[Block]) -> Iterable[str]:
    import lab

    namespace: dict[str, Any] = {"__name__": "document", "lab": lab}
    for block in blocks:
        printed: dict[int, list[str]] = defaultdict(list)
        namespace["print"] = lambda *values, seen=printed: seen[sys._getframe(1).f_lineno].append(
            " ".join(map(str, values))
        )
        before = set(namespace)
        try:
            exec(compile(block.text, f"block at line {block.line}", "exec"), namespace)
            for name in sorted(set(namespace) - before):
                if name.startswith("test_"):
                    namespace[name]()
        except Exception:  # noqa: BLE001  (whatever it is, the document is wrong)
            yield f"{block.line}: {traceback.format_exc(limit=-2).replace(chr(10), ' | ')}"
        for at, line in enumerate(block.text.splitlines(), 1):
            code, _, comment = line.partition("  # ")
            if (
                comment
                and code.strip().startswith("print(")
                and not any(same_line(comment, each) for each in printed[at])
            ):
                yield f"{block.line + at}: shown: {comment} | real: {' | '.join(printed[at][:3]) or 'nothing'}"
