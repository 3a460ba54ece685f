"""What takes minutes, once for all modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.worlds import kernel
from tests.e2e.lab_command import IN_REAL_TIME, ROOT, start
from tests.e2e.together import Virtually, run_together


@pytest.fixture(scope="session", autouse=True)
def _kernel() -> None:
    """Build the kernel of virtual time where there is none; that takes two or three minutes."""
    if kernel.find() is None:
        kernel.build()


@pytest.fixture(scope="session")
def article_in_real_time(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folders of these scenarios, each below its name, and of one as an ordinary user below `user`.

    Four minutes of waiting: what passes is probed again at its weakest moment.
    """
    article, home = ROOT / "scenarios" / "article", tmp_path_factory.mktemp("article")
    runs = [
        start(
            "run",
            article / f"{name}.yaml",
            "--clock",
            "real",
            "--out",
            home / name,
            home=home / name / "home",
            twins=True,
        )
        for name in IN_REAL_TIME
    ]
    behind_nat = article / "idle-behind-nat.yaml"
    user = home / "user"
    runs.append(start("run", behind_nat, "--clock", "real", "--out", user, home=user, ordinary_user=True))
    for process in runs:
        out, errors = process.communicate()
        assert process.returncode == 0, out + errors
    return home


@pytest.fixture(scope="session")
def virtually(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Virtually:
    """Give what came of cells in virtual time; runs the cells of all selected tests that have the mark ``cells``."""
    marks = (mark for item in request.session.items for mark in item.iter_markers("cells"))
    return run_together([cells for mark in marks for cells in mark.args], tmp_path_factory.mktemp("together"))
