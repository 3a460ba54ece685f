"""Runs cells that a search asks for, one after the other or side by side, in one run with worlds that stay warm.

A search is a coroutine: it awaits the cells it wants to see, looks at their outcomes, and asks for others::

    async def look(scenario: Scenario, judge: JudgeCell) -> float:
        short, long = await asyncio.gather(judge(with_interval(10)), judge(with_interval(60)))
        ...
        return answer

    run, answer = search(request, look)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from lab.engine.execute import execute
from lab.engine.run import Run
from lab.engine.run_request import JudgeCell, RunRequest
from lab.model.scenario import Scenario

T = TypeVar("T")


def search(
    request: RunRequest,
    look: Callable[[Scenario, JudgeCell], Coroutine[Any, Any, T]],
    report: Callable[[str], None] | None = None,
) -> tuple[Run, T | None]:
    """Run the cells that a search asks for; return the run and the answer.

    Args:
        request: how to run them. Cells of its scenario run only if the search asks for them. They say what the run
            needs on this machine: clients, servers, topology.
        look: given the scenario and a function that runs a cell with its twins (`RunRequest.twins`), returns the
            answer. Each cell that it asks for has a name of its own. What it raises is raised here.
        report: as of `execute`.

    The answer is None if the run was interrupted.

    Raises:
        HostNotCapable: as of `execute`.
    """
    answers: list[T] = []

    async def asks(scenario: Scenario, judge: JudgeCell) -> None:
        answers.append(await look(scenario, judge))

    (run,) = execute([dataclasses.replace(request, asks=asks)], report)
    return run, answers[0] if answers and run.finished else None
