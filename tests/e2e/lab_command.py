"""Runs the command as a user does, and looks at what it leaves on the machine."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
IN_REAL_TIME = ("idle-subscription", "idle-behind-nat", "idle-behind-nat-expiry")
"""Scenarios of the article that run in real time as well."""
SHORT = ROOT / "tests" / "e2e" / "short.yaml"


DOCKERS_OWN = re.compile(r"(^|\bdev )(veth|br-|docker)")
"""Lines about links of a Docker daemon; the lab's links have the topology's names."""


def environment(home: Path) -> dict[str, str]:
    """The user's environment with a state and cache folder of the test's own."""
    return {**os.environ, "XDG_STATE_HOME": str(home / "state"), "NO_COLOR": "1"}


AS_ORDINARY_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
"""Someone without any capability, who may read what the tester may."""


ALONE = ("--moments=0", "--no-costs", "--no-causes")
"""``lab run`` without twins: what most tests look at is in the cells."""


def start(
    *arguments: str | Path, home: Path, ordinary_user: bool = False, twins: bool = False
) -> subprocess.Popen[str]:
    """Start ``lab`` with these arguments; ``run`` without twins unless they are asked for."""
    home.mkdir(parents=True, exist_ok=True)
    alone = ALONE if arguments[0] == "run" and not twins else ()
    return subprocess.Popen(
        [*(AS_ORDINARY_USER if ordinary_user else ()), sys.executable, "-m", "lab", *map(str, arguments), *alone],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(home),
        cwd=ROOT,
    )


def run(*arguments: str | Path, home: Path, twins: bool = False) -> subprocess.CompletedProcess[str]:
    """Run ``lab`` to its end; for arguments see `start`."""
    process = start(*arguments, home=home, twins=twins)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_until(what: str, condition: Callable[[], object], *, within: float = 30.0) -> None:
    """Wait for something outside this process to become true; the one place where tests poll."""
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {within:g} s for: {what}")
        time.sleep(0.005)


def processes_of(lab: int) -> list[int]:
    """The processes of worlds that the ``lab`` process of that id started, zombies left out."""
    mark = f"lab.worlds.private_namespaces\0{lab}\0".encode()
    return [pid for pid, command in _commands() if mark in command]


def guests(lab: int) -> list[int]:
    """The processes of guests that the ``lab`` process of that id started, the sandboxes around them first."""
    mark = f"umid=lab-{lab}-".encode()
    return sorted(pid for pid, command in _commands() if mark in command)


def network() -> str:
    """What a run might have changed in the host's own network; not what a Docker daemon changes meanwhile."""
    looks = (["ip", "-br", "link"], ["ip", "netns"], ["ip", "-4", "route"])
    shown = "".join(subprocess.run(look, capture_output=True, text=True, check=False).stdout for look in looks)
    return "\n".join(line for line in shown.splitlines() if not DOCKERS_OWN.search(line))


def mounts() -> str:
    """What a run might have mounted; not what a Docker daemon mounts meanwhile."""
    return "\n".join(line for line in Path("/proc/mounts").read_text().splitlines() if "/docker/" not in line)


def _commands() -> Iterator[tuple[int, bytes]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                yield int(entry.name), (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
