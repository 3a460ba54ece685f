"""Runs the tests that failed once more, one at a time, when nothing else runs any more::

    python -m tests.second_run FOLDER [ARGUMENTS OF PYTEST…]

``FOLDER`` has the files of ``tests.results``, one set for each phase of scripts/test. A test that passes now missed its
moment on a busy machine: it is ``unstable``. Up to `TOLERATED` of these are no failure. More failures are too many for
bad luck, so none of them gets a second run. ``FOLDER/verdicts`` names each test that failed, for the end of the output.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.results import VARIABLE

TOLERATED = 2
AGAIN = "again"
VERDICTS = "verdicts"


def main(folder: Path, arguments: list[str]) -> int:
    """Return the exit status: 0 if each test that failed passes now, and there are few."""
    failed = [test for file in sorted(folder.glob("*.failed")) for test in _lines(file)]
    if not failed:
        return 0
    if len(failed) > TOLERATED:
        verdicts = {test: f"failed: {test} (one of {len(failed)}; {TOLERATED} get a second run)" for test in failed}
        passed = set[str]()
    else:
        passed = _passed_again(failed, folder / AGAIN, arguments)
        verdicts = {
            test: f"unstable: {test} (failed once, then passed)" if test in passed else f"failed twice: {test}"
            for test in failed
        }
    (folder / VERDICTS).write_text("".join(f"{verdict}\n" for verdict in verdicts.values()), encoding="utf-8")
    return 0 if passed.issuperset(failed) else 1


def _passed_again(tests: list[str], file: Path, arguments: list[str]) -> set[str]:
    """Run some tests; return those that passed, not those that were skipped."""
    file.write_text("".join(f"{test}\n" for test in tests), encoding="utf-8")
    environment = {**os.environ, VARIABLE: str(file)}
    subprocess.run([sys.executable, "-m", "pytest", *arguments, f"@{file}"], env=environment, check=False)
    return set(_lines(file.with_name(f"{file.name}.passed")))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
