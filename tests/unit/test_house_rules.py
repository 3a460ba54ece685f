"""Rules for tests, docstrings and files that no linter knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from lab.faults import catalog
from lab.reference import proofs

ROOT = Path(__file__).parents[2]
MODULES = sorted((ROOT / "tests").rglob("test_*.py"))


def imported(path: Path) -> set[str]:
    """Return the names of the modules, and of what is imported from them, that a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_no_test_module_imports_another() -> None:
    """What several test modules use stands in a module of its own, so that none runs or changes because of another."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in MODULES}
    assert len(modules) > 100
    found = {str(path.relative_to(ROOT)): sorted(imported(path) & modules) for path in MODULES}
    assert {path: others for path, others in found.items() if others} == {}


LAB = sorted((ROOT / "lab").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MOST_LINES = 400
LONGER: frozenset[str] = frozenset()
"""Files that are still longer. Split them; do not add to this list."""
QUESTIONS = ("What", "Who", "Whom", "Whose", "Whether", "Which", "How", "When", "Where", "Why")
NO_VERBS = (
    "A",
    "An",
    "The",
    "It",
    "Its",
    "This",
    "That",
    "These",
    "Those",
    "All",
    "Each",
    "Every",
    "Both",
    "One",
    "Some",
    "No",
)


def docstrings(path: Path) -> Iterator[tuple[int, str, str]]:
    """Return line, kind (module, class, function, property) and text of each docstring of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        if isinstance(node, ast.Module):
            yield 1, "module", text
        elif isinstance(node, ast.ClassDef):
            yield node.lineno, "class", text
        else:
            is_property = any("property" in ast.unparse(one) for one in node.decorator_list)
            yield node.lineno, "property" if is_property else "function", text


def test_docstrings_begin_with_what_it_does() -> None:
    """No docstring begins like a question; those of modules and functions do not begin with an article either."""
    found = [
        f"{path.relative_to(ROOT)}:{line} {kind}: {text.splitlines()[0]}"
        for path in LAB
        for line, kind, text in docstrings(path)
        for first in [text.split()[0].strip(".,:;")]
        if first in QUESTIONS or (kind in ("module", "function") and first in NO_VERBS)
    ]
    assert found == []


def test_no_file_is_long() -> None:
    """A file has one idea; the few that are longer are named, and leave the list once they are shorter."""
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in LAB + TESTS}
    assert {name for name, count in lines.items() if count > MOST_LINES} == LONGER


def test_docs_list_the_proof_of_every_fault() -> None:
    """`python -m lab.reference.proofs docs/report.md` writes the table."""
    page = (ROOT / "docs" / "report.md").read_text("utf-8")
    assert page == proofs.with_table(page)
    assert all(f"| `{cls.__name__}` |" in page for cls in catalog.classes().values())
