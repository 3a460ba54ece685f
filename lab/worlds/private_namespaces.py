"""Runs a program as init of new namespaces, so that everything it makes ends with it.

``python -m lab.worlds.private_namespaces PARENT module:function`` enters new mount, PID, network and IPC namespaces
(and, for an
ordinary user, a user namespace in which that user is root), and calls the function there as process 1. The kernel kills
everything in a PID namespace with its init, and frees network namespaces with their last process: after any exit,
``kill -9`` included, no process, link, rule or mount is left on the host.

PARENT is the process id of the caller; this process dies with it. With a third argument, ``outside``, the function
gets a descriptor of the old ``/proc``: containers are no processes of this place, and who wires them must find them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from importlib import import_module
from pathlib import Path

from lab.backends.child import die_with
from lab.errors import HostNotCapable
from lab.machine_limits import machine_fault
from lab.worlds.host import namespaces_fix

CLONE_NEWNS = 0x00020000  # <linux/sched.h>
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 2, 4, 8, 16384, 1 << 18  # <linux/mount.h>

_libc = ctypes.CDLL(None, use_errno=True)


def enter() -> None:
    """Become init of fresh namespaces; the process that called waits outside and exits as init does.

    Raises:
        HostNotCapable: the kernel refuses the namespaces.
    """
    uid, gid = os.geteuid(), os.getegid()
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC
    if uid != 0:
        flags |= CLONE_NEWUSER
    if _libc.unshare(flags) != 0:
        raise _refused("unshare")
    if uid != 0:
        try:
            Path("/proc/self/setgroups").write_text("deny")  # the kernel's condition for an unprivileged gid_map
            Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
            Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
        except OSError as problem:
            raise _refused("mapping the user", problem.errno) from problem
    outside = os.getppid()
    init = os.fork()
    if init:
        die_with(outside)
        _, status = os.waitpid(init, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    die_with(0)  # the parent is outside this PID namespace, which shows as 0
    if not any(_libc.mount(b"none", place, None, MS_REC | MS_PRIVATE, None) == 0 for place in (b"/", b"/proc")):
        raise _refused("making mounts private")  # in a chroot "/" need be no mount; what is mounted here is /proc alone
    if _libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, None) != 0:
        raise _refused("mounting /proc")


def _refused(what: str, code: int | None = None) -> HostNotCapable:
    code = code or ctypes.get_errno()
    name = errno.errorcode.get(code, str(code))
    return HostNotCapable(f"the kernel refused {what} ({name})", fix=namespaces_fix())


def main(arguments: list[str]) -> None:
    """Enter the namespaces and run the entry point; a refusal is one JSON line, as any of a world's errors."""
    import json

    parent, entry, *outside = arguments
    die_with(int(parent))
    seen = [os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC) for _ in outside]
    try:
        enter()
        module, function = entry.split(":")
        getattr(import_module(module), function)(*seen)
    except Exception as problem:  # the last frame: what is none of this machine's faults shows its traceback
        refusal = problem if isinstance(problem, HostNotCapable) else machine_fault(problem)
        if refusal is None:
            raise
        print(json.dumps({"ev": "refused", "missing": refusal.missing, "fix": refusal.fix}), flush=True)  # noqa: T201
        os._exit(HostNotCapable.exit_code)


if __name__ == "__main__":
    main(sys.argv[1:])
