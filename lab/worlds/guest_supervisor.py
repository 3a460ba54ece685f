"""Runs a guest whose sandbox is the container, and ends all its processes together.

``guest_supervisor.py PARENT KERNEL…`` starts the kernel as the leader of a process group. A guest is many processes,
each traced
by the first. If only the first were killed, the others would run on without their tracer, and their system calls, no
longer intercepted, would go to the host's kernel. Inside bubblewrap that cannot happen, for its PID namespace ends at
once; here a guard does it: it holds the reading end of a pipe, and when the other end is gone, because this process has
ended in whatever way, it kills the group. The guard stands before the kernel's process is made, and that process tells
it its group before it becomes the kernel, so that at no moment is there a kernel without a guard that knows it.

PARENT is the process id of the caller; this process dies with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main(parent: int, argv: list[str]) -> int:
    """Run the kernel and return its exit status, as a shell gives it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        return 1
    held, ours = os.pipe()  # neither survives exec
    guard = os.fork()
    if guard == 0:
        _guard(held, ours)
    os.setpgid(guard, guard)  # what is meant for the caller's group is not meant for the guard
    kernel = os.fork()
    if kernel == 0:
        os.setpgid(0, 0)
        os.write(ours, str(os.getpid()).encode())
        os.execvp(argv[0], argv)  # noqa: S606  (no shell is wanted)
    _, status = os.waitpid(kernel, 0)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _guard(held: int, ours: int) -> NoReturn:
    os.close(ours)
    for standard in range(3):  # whoever reads the guest's output must see its end
        os.close(standard)
    group = b"".join(iter(lambda: os.read(held, 32), b""))
    if group:
        with suppress(ProcessLookupError):  # it has ended in order
            os.killpg(int(group), signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
