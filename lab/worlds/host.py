"""The host's own kernel as a world: real time, in namespaces of its own, as root or as an ordinary user."""

from __future__ import annotations

import os
import sys

CREW = "lab.runner.crew:main"


def argv(entry: str = CREW) -> list[str]:
    """The command line of a world process started by this process."""
    return [sys.executable, "-m", "lab.worlds.enclosure", str(os.getpid()), entry]


def environment() -> dict[str, str]:
    """Its environment: what Python and the system's tools need, nothing that changes what cells do."""
    path = os.environ.get("PATH", "") + os.pathsep + os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))
    return {"PATH": path, "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
