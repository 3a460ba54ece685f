"""Rules for the tests themselves, which no linter knows."""

from __future__ import annotations

import ast
from pathlib import Path

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
