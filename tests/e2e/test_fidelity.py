"""``lab fidelity``: agreement is status 0, and a tolerance that nothing can meet is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import SHORT, run

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(("within", "status", "said"), [("0.5", 0, "nothing"), ("0.0", 1, "server probe p1 answered")])
def test_fidelity(tmp_path: Path, within: str, status: int, said: str) -> None:
    """Real and virtual time agree to half a second, and not to the last microsecond."""
    if kernel.find() is None:
        kernel.build()
    done = run("fidelity", SHORT, "--only", "strategy=none", "--within", within, "--out", tmp_path, home=tmp_path)
    assert done.returncode == status, done.stdout + done.stderr
    assert said in done.stdout
    assert len(list(tmp_path.glob("2*/report.json"))) == 0  # it compares; reports are lab run's
    assert len(list(tmp_path.glob("2*/cells/none/record.jsonl"))) == 2
