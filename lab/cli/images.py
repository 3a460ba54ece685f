"""Implements ``lab images``: the container images."""

from __future__ import annotations

from rich import box
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lab.backends import images
from lab.clients.catalog import image_files
from lab.errors import Problem, ScenarioError
from lab.loader.conversion import choice
from lab.report import terminal
from lab.worlds import kernel


def build(kinds: list[str]) -> None:
    """Build what is missing, with a bar on a terminal and a line per image elsewhere.

    Raises:
        ScenarioError: there is no such image.
        HostNotCapable: Docker does not answer, or something that is needed cannot be had.
        LabFault: a build failed.
    """
    wrong = [kind for kind in kinds if kind not in images.KINDS]
    if wrong:
        what = choice(wrong[0], images.KINDS)
        raise ScenarioError([Problem("lab images build", 0, "", "unknown image", kind, what) for kind in wrong])
    wanted = [kind for kind in images.KINDS if kind in (kinds or images.USUAL)]
    console = terminal.console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    told: list[str] = []
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("images", total=None)

        def report(progress: images.Progress) -> None:
            bar.update(
                task,
                description=f"{progress.kind}: {progress.step}",
                completed=progress.done,
                total=progress.total or None,
            )
            if not console.is_terminal and progress.kind not in told:
                told.append(progress.kind)
                console.print(f"building image {progress.kind}")

        kernel_folder = None
        if images.LAB in images.missing(wanted):
            report(images.Progress(images.LAB, "its kernel"))
            kernel_folder = kernel.build().parent
        images.build(wanted, report, kernel=kernel_folder, files=image_files(images.missing(wanted)))
    out = terminal.console(stderr=False)
    for kind in wanted:
        out.print(f"image {images.tag(kind)}", soft_wrap=True)


def show() -> None:
    """List the lab's images; those of these sources are marked."""
    table = Table("", "image", "size", "built", box=box.SIMPLE_HEAD, pad_edge=False)
    for each in images.images():
        built = each.created.partition(".")[0].replace("T", " ")
        table.add_row("*" if each.current else "", each.tag, f"{each.size / 1e6:.0f} MB", built)
    terminal.console(stderr=False).print(table if table.row_count else "no images; `lab images build` makes them")


def prune(*, all_of_them: bool) -> None:
    """Remove the images of other sources, or all."""
    console = terminal.console(stderr=False)
    removed = images.remove(each for each in images.images() if all_of_them or not each.current)
    for each in removed:
        console.print(f"removed {each.tag}", soft_wrap=True)
    if not removed:
        console.print("nothing to remove")
