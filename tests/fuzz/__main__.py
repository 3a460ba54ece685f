"""Runs a fuzzer by hand: ``python -m tests.fuzz scenarios --tries 100000``; see ``--help``."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.fuzz import run_folders, tries


def main() -> int:
    """Try seeds in a row; print each kind of failure once, with a seed that shows it; 1 if there was any."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=main.__doc__)
    parser.add_argument(
        "what", choices=("scenarios", "runs"), help="scenario files, or folders of runs that are damaged"
    )
    parser.add_argument("--tries", type=int, default=1000, help="how many [1000]")
    parser.add_argument("--seed", type=int, default=0, help="the first seed; the next ones follow [0]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        attempt = tries.scenario if asked.what == "scenarios" else _runs(Path(place))
        failures, accepted, slowest = _try(attempt, range(asked.seed, asked.seed + asked.tries))
    print(f"{asked.tries} tries, {accepted} without a problem; the slowest took {slowest:.2f} s of processor time")
    for kind, number in failures.most_common():
        print(f"{number} times: {kind}")
    return 1 if failures else 0


def _runs(place: Path) -> Callable[[int], str]:
    return partial(tries.damaged_run, whole=run_folders.unpack(place))


def _try(attempt: Callable[[int], str], seeds: range) -> tuple[Counter[str], int, float]:
    failures: Counter[str] = Counter()
    first: set[str] = set()
    accepted, slowest = 0, 0.0
    for seed in seeds:
        began = time.process_time()
        try:
            accepted += not attempt(seed)
        except Exception as problem:  # noqa: BLE001  (all that a fuzzer finds)
            where = traceback.extract_tb(problem.__traceback__)[-1]
            kind = f"{type(problem).__name__} in {Path(where.filename).name}:{where.lineno}"
            failures[kind] += 1
            if kind not in first:
                first.add(kind)
                print(f"{kind}: {problem.args}"[:1000], file=sys.stderr, flush=True)
        slowest = max(slowest, time.process_time() - began)
    return failures, accepted, slowest


if __name__ == "__main__":
    sys.exit(main())
