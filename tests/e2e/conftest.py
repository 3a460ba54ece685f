"""What takes minutes of real time, once for all modules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.lab_command import IN_REAL_TIME, ROOT, start


@pytest.fixture(scope="session")
def article_in_real_time(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folders of these scenarios, each below its name, and of one as an ordinary user below `user`.

    Two minutes of waiting.
    """
    article, home = ROOT / "scenarios" / "article", tmp_path_factory.mktemp("article")
    runs = [
        start("run", article / f"{name}.yaml", "--clock", "real", "--out", home / name, home=home / name / "home")
        for name in IN_REAL_TIME
    ]
    behind_nat = article / "idle-behind-nat.yaml"
    user = home / "user"
    runs.append(start("run", behind_nat, "--clock", "real", "--out", user, home=user, ordinary_user=True))
    for process in runs:
        out, errors = process.communicate()
        assert process.returncode == 0, out + errors
    return home
