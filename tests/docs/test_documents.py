"""The commands, outputs and programs in the documents: each runs as written, and prints what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.docs import documents
from tests.docs.execution import Execution

pytestmark = [pytest.mark.virtual, pytest.mark.xdist_group("documents"), pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def cells(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One cache of cells for all documents."""
    if kernel.find() is None:
        kernel.build()
    return tmp_path_factory.mktemp("cells")


@pytest.mark.parametrize("document", documents.executable())
def test_a_document(document: str, cells: Path, tmp_path: Path) -> None:
    found = Execution(document, tmp_path, cells).all()
    assert not found, "\n\n".join(found)
