"""Runs Kamailio's processes: starts them in the foreground, reads their log line by line, kills all at once."""

from __future__ import annotations

import asyncio
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab import digests
from lab.actors.logged_program import GONE_WITHIN_S, LoggedProgram
from lab.errors import HostNotCapable, LabFault

PACKAGES = (
    "kamailio",
    "kamailio-tls-modules",
    "kamailio-presence-modules",
    "kamailio-outbound-modules",
    "kamailio-websocket-modules",
)
"""Debian's packages with the modules that the configuration loads."""

_MODULES = ("tls.so", "presence.so", "outbound.so", "jsonrpcs.so", "websocket.so")
_MODULE_FOLDERS = ("/usr/lib/*/kamailio/modules", "/usr/lib64/kamailio/modules", "/usr/local/lib*/kamailio/modules")
_PLACES = "/usr/sbin:/usr/local/sbin"
"""Where it is for people whose PATH has only programs for everybody."""

SHARED_MEMORY_MB = 32
"""The TLS module refuses to work with less than 4 MB free."""
PRIVATE_MEMORY_MB = 8
"""Kamailio's default."""


def program() -> str | None:
    """Return the path of Kamailio; None if it is not installed."""
    return shutil.which("kamailio", path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")


def check_host() -> None:
    """Say what is missing for running Kamailio here.

    Raises:
        HostNotCapable: it, or one of its modules, is not installed.
    """
    missing = [] if program() else ["kamailio"]
    folders = [folder for pattern in _MODULE_FOLDERS for folder in Path("/").glob(pattern.lstrip("/"))]
    missing += [name for name in _MODULES if not any((folder / name).exists() for folder in folders)]
    if missing:
        fix = f"apt-get install {' '.join(PACKAGES)}; systemctl disable --now kamailio"
        raise HostNotCapable(f"the server Kamailio needs {', '.join(missing)}", fix=fix)


def identity() -> str | None:
    """Return what changes when Kamailio or one of its modules is replaced; None if it is not installed."""
    if (found := program()) is None:
        return None
    folders = (folder for pattern in _MODULE_FOLDERS for folder in Path("/").glob(pattern.lstrip("/")))
    modules = (module for folder in folders for module in folder.glob("*.so"))
    return repr(digests.marks([Path(found), *sorted(modules)]))


class Child(LoggedProgram):
    """One life of Kamailio.

    Args:
        configuration: its file.
        log, on_line, on_end: see `LoggedProgram`.
    """

    def __init__(
        self,
        configuration: Path,
        log: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        on_line: Callable[[bytes], None],
        on_end: Callable[[str], None],
    ) -> None:
        found = program()
        if found is None:
            raise LabFault("starting Kamailio", detail="there is no kamailio here")
        argv = [
            *(found, "-f", str(configuration), "-DD", "-E"),  # -DD: stay in the foreground, with children
            *("-m", str(SHARED_MEMORY_MB), "-M", str(PRIVATE_MEMORY_MB)),
            *("-Y", "/tmp", "-w", "/"),  # noqa: S108  (its run-time folder: it has to exist, and nothing is put there)
        ]
        super().__init__(argv, log, loop, on_line=on_line, on_end=on_end)

    def kill(self) -> None:
        """Kill it as the kernel does, and wait until nothing of it is left.

        Raises:
            LabFault: one of its processes does not end.
        """
        self._detach()
        waiting = []
        for pid in (self._process.pid, *_children(self._process.pid)):
            try:
                waiting.append(os.pidfd_open(pid))
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:  # noqa: PERF203  (each of them may be gone already)
                continue
        try:
            for descriptor in waiting:
                if not select.select([descriptor], [], [], GONE_WITHIN_S)[0]:
                    raise LabFault("killing Kamailio", detail="one of its processes does not end")
        finally:
            for descriptor in waiting:
                os.close(descriptor)
            self._close()

    def end(self) -> None:
        """End it in order, or else the hard way."""
        self._detach()
        self._process.terminate()
        try:
            self._process.wait(GONE_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._readable()
        self._close()


def _children(pid: int) -> list[int]:
    """Return the child processes of a process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            about = (folder / "stat").read_text("utf-8", "replace")
        except OSError:  # it has ended meanwhile
            continue
        parent = about.rpartition(")")[2].split()[1]  # proc(5): the name stands in parentheses, and may contain some
        if int(parent) == pid:
            found.append(int(folder.name))
    return found
