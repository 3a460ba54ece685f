"""Executes the commands of a document in a scratch folder.

A command that is only ``lab`` with arguments runs in a fork of this process, where everything is imported: a start of
Python would cost each of them half a second. All others run in a shell, with the lab's commands on its path.
"""

from __future__ import annotations

import os
import pkgutil
import re
import shlex
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

SHELL = re.compile(r"[|&;<>$*?(){}\n]")
WIDTH = 126
"""Columns of the terminal for which the documents show output."""
LONGEST_S = 240
"""Seconds that a command may take, with a machine that is busy; it is ended then."""
OUT, ERR, FOLDER = "out.txt", "err.txt", "folder.txt"


@dataclass(frozen=True)
class Ended:
    """What a command left.

    Attributes:
        status: its exit status.
        folder: the folder in which the next command runs.
        out: what it printed on standard output.
        err: what it printed on standard error.
    """

    status: int
    folder: Path
    out: str
    err: str


def execute(command: str, folder: Path, beside: Path, environment: dict[str, str]) -> Ended:
    """Run a command in a folder; files with what it prints are written into the folder ``beside``."""
    words = [] if SHELL.search(command) else shlex.split(command)
    if words[:1] == ["lab"]:
        status = in_child(lambda: _lab(words), folder, environment, beside)
    else:
        tools = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        with (beside / OUT).open("wb") as out, (beside / ERR).open("wb") as err:
            status = subprocess.run(
                ["bash", "-eu", "-c", f"trap 'pwd >{beside / FOLDER}' EXIT\n{command}"],
                cwd=folder,
                env={**environment, "PATH": tools},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                check=False,
                timeout=LONGEST_S,
            ).returncode
        folder = Path((beside / FOLDER).read_text(encoding="utf-8").strip())
    return Ended(status, folder, *((beside / name).read_text(encoding="utf-8") for name in (OUT, ERR)))


def in_child(call: Callable[[], object], folder: Path, environment: dict[str, str], beside: Path) -> int:
    """Call something in a fork of this process, with that folder and environment; return the child's exit status."""
    _import_the_lab()
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # newer Pythons warn of threads, of which the child uses none
        child = os.fork()
    if child == 0:
        status = 70
        try:
            signal.alarm(LONGEST_S)
            for descriptor, name in enumerate((Path(os.devnull), beside / OUT, beside / ERR)):
                mode = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC
                os.dup2(os.open(name, mode, 0o600), descriptor)
            sys.stdin, sys.stdout, sys.stderr = (
                os.fdopen(each, "w" if each else "r", closefd=False) for each in range(3)
            )
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(environment)
            call()
            status = 0
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        except BaseException:  # noqa: BLE001  (nothing may return into the parent's stack)
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _lab(words: list[str]) -> None:
    from lab.cli import start

    sys.argv = words
    start.run()


@cache
def _import_the_lab() -> None:
    """Import all that commands import, once and not in each child."""
    import lab.cli

    for module in pkgutil.iter_modules(lab.cli.__path__, "lab.cli."):
        import_module(module.name)
