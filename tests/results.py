"""Writes down what came of tests, for scripts/test: into files that begin with ``LAB_TEST_RESULTS``."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

VARIABLE = "LAB_TEST_RESULTS"

_GROUP = re.compile(r"@[^\]]*$")
"""pytest-xdist adds ``@`` and the group to a test's id; after the ``]`` of parameters, if there are any."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the ids of tests that failed and that passed, and how long the tests of each file took; a line each."""
    begins = os.environ.get(VARIABLE)
    if begins is None:
        return
    took: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                took[report.nodeid.partition("::")[0]] += report.duration
    failed = _ids(terminalreporter, "failed", "error")
    passed = [each for each in _ids(terminalreporter, "passed") if each not in failed]
    times = [f"{seconds:7.1f}  {file}" for file, seconds in took.items()]
    for name, lines in (("failed", failed), ("passed", passed), ("times", times)):
        Path(f"{begins}.{name}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _ids(terminalreporter: pytest.TerminalReporter, *outcomes: str) -> list[str]:
    reports = [report for outcome in outcomes for report in terminalreporter.stats.get(outcome, ())]
    return list(dict.fromkeys(_GROUP.sub("", report.nodeid) for report in reports))
