"""Runs as init of the guest: mounts file systems, calls the entry point in this process, powers off.

It is run by path, isolated and without ``site`` (``lab.worlds.boot``), so at its top it imports only what is built into
the interpreter or needed by everything later. Its one argument is a folder, in hexadecimal because the kernel's command
line splits at spaces; ``guest.json`` there says the rest, see ``lab.worlds.boot.Request``.

An entry point that raises is shown on the console like any program's failure; the guest powers off all the same.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import gc
import json
import os
import socket
import struct
import sys
import termios
from typing import Any

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8  # <linux/mount.h>
RB_POWER_OFF = 0x4321FEDC  # <linux/reboot.h>
SIOCGIFFLAGS, SIOCSIFFLAGS = 0x8913, 0x8914  # <linux/sockios.h>
IFF_UP = 1  # <linux/if.h>
VOLATILE = ("/run", "/tmp", "/dev/shm")  # noqa: S108 - the guest's own, in its memory

_libc = ctypes.CDLL(None, use_errno=True)


def main(control: str) -> None:
    """Run what ``control``/guest.json asks for; never returns."""
    try:
        request = _request(control)
        _console_raw()
        _mounts(request)
        _loopback_up()
        _become(request)
        gc.disable()  # imports make no garbage worth looking for, and looking touches every page
        module, function = request["entry"].split(":")
        __import__(module)
        entry = getattr(sys.modules[module], function)
        gc.enable()
        entry(*request["args"])
    except BaseException as problem:  # noqa: BLE001 - say it and power off: the kernel panics without its init
        if hasattr(problem, "fix"):  # the host lacks something (`lab.errors.HostNotCapable`, not imported here)
            refusal = {"ev": "refused", "missing": getattr(problem, "missing", ""), "fix": problem.fix}
            print(json.dumps(refusal))  # noqa: T201
        else:
            import traceback

            traceback.print_exc()
    finally:
        sys.stdout.flush()
        os.sync()  # the host's files get what is still in the guest's page cache
        _libc.reboot(RB_POWER_OFF)


def _request(control: str) -> dict[str, Any]:
    """Read what to do, through a mount of its own: the folder may lie where the guest has its own files already."""
    mount("hostfs", "/run", flags=MS_RDONLY, data=control)
    with open("/run/guest.json") as file:  # noqa: PTH123 - pathlib costs an import
        request: dict[str, Any] = json.load(file)
    _libc.umount2(b"/run", 0)
    return request


def mount(kind: str, target: str, *, source: str = "none", flags: int = 0, data: str = "") -> None:
    """Mount by the system call: the set-uid program of that name would drop to `nobody` here."""
    arguments = (os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(data))
    if _libc.mount(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mounting {kind}: {errno.errorcode.get(code, code)}", target)


def _console_raw() -> None:
    """Switch off echo, line editing, line-end translation and signals, so that bytes pass unchanged.

    The terminal itself takes the place of ``/dev/console``, which never sees the end of its input.
    """
    terminal = os.open("/dev/tty0", os.O_RDWR | os.O_NOCTTY)
    for standard in range(3):
        os.dup2(terminal, standard)
    os.close(terminal)
    attributes = termios.tcgetattr(0)
    attributes[0] = attributes[1] = attributes[3] = 0  # input, output and local modes
    attributes[6][termios.VMIN], attributes[6][termios.VTIME] = 1, 0
    termios.tcsetattr(0, termios.TCSANOW, attributes)


def _mounts(request: dict[str, Any]) -> None:
    safe = MS_NOSUID | MS_NODEV
    mount("proc", "/proc", flags=safe | MS_NOEXEC)
    mount("sysfs", "/sys", flags=safe | MS_NOEXEC)
    os.makedirs("/dev/shm", exist_ok=True)  # noqa: S108, PTH103
    for target in VOLATILE:
        mount("tmpfs", target, flags=safe, data="mode=1777")
    for folder in request["visible"]:  # what a tmpfs now hides of the host
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        mount("hostfs", folder, flags=safe | MS_RDONLY, data=folder)
    folder = request["writable"]
    if folder.startswith(tuple(f"{target}/" for target in VOLATILE)):
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    mount("hostfs", folder, flags=safe, data=folder)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        interface = fcntl.ioctl(control, SIOCGIFFLAGS, struct.pack("16sH14x", b"lo", 0))
        flags = struct.unpack("16xH14x", interface)[0] | IFF_UP
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", flags))


def _become(request: dict[str, Any]) -> None:
    """Take on the environment and the search path of the program that booted the guest."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["writable"])
    sys.path[:] = request["path"]
    sys.executable, sys.prefix, sys.exec_prefix = request["executable"], request["prefix"], request["prefix"]
    sys.argv[:] = [request["entry"], *map(str, request["args"])]


main(bytes.fromhex(sys.argv[1]).decode("utf-8", "surrogateescape"))
