"""Entry points that run inside a guest, for test_boot.py; only the standard library, so that guests start fast."""

from __future__ import annotations

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path


def say(message: object) -> None:
    """One JSON line on the console."""
    print(json.dumps(message), flush=True)


def facts(*args: object) -> None:
    """What a program in the guest sees of its place."""
    say(
        {
            "args": args,
            "time": time.time(),
            "pid": os.getpid(),
            "cwd": str(Path.cwd()),
            "environment": dict(os.environ),
            "lo": socket.create_server(("127.0.0.1", 0)).getsockname()[0],
            "filesystems": [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()],
        }
    )


def echo() -> None:
    """Say that it listens, then everything that is heard, until the input ends."""
    say("listening")
    while line := _hear():
        sys.stdout.write(line)
        sys.stdout.flush()


def waits(seconds: float) -> None:
    """Sleep on the guest's clock, and say how long that was; write a file."""
    before = time.time()
    time.sleep(seconds)
    Path("slept").write_text("yes")
    say(time.time() - before)


def polls() -> None:
    """Wait for the host without idling; say how much time has passed."""
    before = time.time()
    say("polling")
    _hear()
    say(time.time() - before)


def freezes() -> None:
    """Compute for ever."""
    print("about to freeze", flush=True)
    while True:
        pass


def raises() -> None:
    """End as programs with a bug do."""
    raise RuntimeError("a bug")


def panics() -> None:
    """Take the kernel down."""
    os._exit(7)  # a kernel without its init panics


def devours() -> None:
    """Take more memory than there is."""
    taken = []
    while True:
        taken.append(bytearray(b"x" * (8 << 20)))


def breaks_out(target: str, host_port: int) -> None:
    """Try, as guest root, to write on the host outside the run folder and to reach its network; say what happened."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    said: dict[str, object] = {}
    remounted = libc.mount(b"none", b"/", None, 32, None)  # MS_REMOUNT, without MS_RDONLY
    said["remount"] = remounted == 0
    for name, path in {"target": Path(target) / "escaped", "etc": Path("/etc/lab-escaped")}.items():
        said[f"write {name}"] = _outcome(partial(path.write_text, "escaped"))
    again = Path("/run/again")
    again.mkdir()
    said["second mount"] = libc.mount(b"none", bytes(again), b"hostfs", 0, target.encode()) == 0
    said["write second mount"] = _outcome(partial((again / "escaped").write_text, "escaped"))
    said["remove"] = _outcome((Path(target) / "precious").unlink)
    said["chmod"] = _outcome(partial(Path(target).chmod, 0o777))
    said["interfaces"] = sorted(name for _, name in socket.if_nameindex())
    said["connect"] = _outcome(partial(socket.create_connection, ("127.0.0.1", host_port)))
    said["run folder"] = _outcome(partial(Path("inside").write_text, "allowed"))
    say(said)


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as error:
        return type(error).__name__
    return "done"


def _hear() -> str:
    """A line of input; polls, because a guest that idles lets its clock run away.

    Yielding matters: with time standing still the scheduler never takes the processor from a busy program, and the
    kernel's own thread that brings the input would wait for ever.
    """
    while not select.select([0], [], [], 0)[0]:
        os.sched_yield()
    return sys.stdin.readline()
