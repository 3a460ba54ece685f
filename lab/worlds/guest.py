"""The first and only program of a virtual-time guest, run by path as its init: mounts, then becomes the crew.

Needs nothing but the standard library until it has set ``sys.path`` from ``guest.json`` beside the folder it is given:
``{"path": [...], "writable": "<run folder>", "entry": "module:function"}``. Never imported on the host.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import termios
import tty

POWER_OFF = 0x4321FEDC  # <linux/reboot.h>

_libc = ctypes.CDLL(None, use_errno=True)


def main(folder: str) -> None:
    """Prepare the guest, run the entry point, switch the guest off."""
    try:
        _mount("proc", "/proc", "proc")
        _mount("tmpfs", "/dev/shm", "tmpfs")  # noqa: S108  (the guest's own)
        with open(f"{folder}/guest.json", encoding="utf-8") as file:  # noqa: PTH123  (pathlib costs an import)
            told = json.load(file)
        _mount("none", told["writable"], "hostfs", told["writable"])
        tty.setraw(0, termios.TCSANOW)  # the console carries JSON lines, byte for byte
        os.environ.update(told["environment"])
        sys.path[:] = told["path"]
        module, function = told["entry"].split(":")
        getattr(__import__(module, fromlist=[function]), function)()
    except BaseException:  # noqa: BLE001  (init must not end: the kernel would panic over its own report)
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        _libc.reboot(POWER_OFF)


def _mount(source: str, target: str, kind: str, data: str = "") -> None:
    os.makedirs(target, exist_ok=True)  # noqa: PTH103
    if _libc.mount(source.encode(), target.encode(), kind.encode(), 0, data.encode()):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), target)


if __name__ == "__main__":
    main(sys.argv[1])
