"""Implements ``lab kernel``: the kernel of virtual time."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lab.report import terminal
from lab.worlds import kernel


def build(source: Path | None) -> None:
    """Build it unless it is there, with a bar on a terminal and a line per step elsewhere."""
    console = terminal.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    told: list[str] = []
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("kernel", total=None)

        def report(progress: kernel.Progress) -> None:
            bar.update(task, description=progress.step.value, completed=progress.done, total=progress.total or None)
            if not console.is_terminal and progress.step.value not in told:
                told.append(progress.step.value)
                console.print(f"virtual-time kernel: {progress.step.value}")

        path = kernel.build(source, report)
    terminal.console(stderr=False).print(f"virtual-time kernel: {path}", soft_wrap=True)


def show() -> None:
    """List the kernels in the cache; the one that is used is marked."""
    used = kernel.find()
    table = Table("", "kernel", "built", "took", "from", box=None, pad_edge=False)
    for each in kernel.list_kernels():
        built = datetime.fromtimestamp(each.built, tz=timezone.utc).strftime("%Y-%m-%d %H:%M")
        table.add_row("*" if each.path == used else "", each.key, built, f"{each.seconds:.0f} s", each.source)
    console = terminal.console(stderr=False)
    console.print(table if table.row_count else "no kernel; `lab kernel build` makes one")


def prune() -> None:
    """Remove all but the one that is used."""
    removed = kernel.prune()
    for path in removed:
        terminal.console(stderr=False).print(f"removed {path}", soft_wrap=True)
    if not removed:
        terminal.console(stderr=False).print("nothing to remove")
