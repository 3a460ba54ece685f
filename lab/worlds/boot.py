"""Boots a guest: User-Mode Linux in time-travel mode, inside a sandbox.

The guest's root is the host's file system, read-only, and its one writable place is the run folder. Guest root could
remount ``/`` writable, for to hostfs it *is* the host's user; so the real sandbox is bubblewrap, outside: new
namespaces
for everything (no network at all), all of the host's file system read-only but the run folder, no capabilities.

Inside a container bubblewrap needs what container engines forbid, user namespaces. There, and nowhere else, the
container is the sandbox (``Sandbox.CONTAINER``): what a guest could reach at worst is what the container can.

Standard input and output of the process are the guest's console: JSON lines both ways, and between them whatever the
kernel has to say.

A guest must never idle while it waits for the host. Its clock does not wait for anybody: when nothing is runnable it
jumps to the next timer at once, so a blocking read of standard input moves it by hours within milliseconds, and in the
end hangs it. Give it its work in the request, or let it poll: ``select`` with a time-out of 0 and ``sched_yield`` in a
loop, which keeps time still. (Without the yield the kernel's thread that brings the input would never run.)
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from lab.errors import HostNotCapable, LabFault
from lab.interpreter import module_folders, program_folders
from lab.worlds.clock import GUEST_MEMORY_MB
from lab.worlds.host import namespaces_fix

if TYPE_CHECKING:
    from typing_extensions import Self

INIT = Path(__file__).with_name("guest_init.py")
SUPERVISOR = Path(__file__).with_name("guest_supervisor.py")
VOLATILE = "/tmp"  # noqa: S108 - where a container may write and execute
REQUEST_FILE = "guest.json"
RUN_INIT = "exec(open(bytes.fromhex(__import__('sys').argv[2])).read())"  # one word: a kernel's command line splits
CONSOLE_LINES = 40
COMMAND_LINE_BYTES = 4096  # COMMAND_LINE_SIZE of arch/um
HIDDEN = ("/run", "/tmp", "/dev/shm")  # noqa: S108 - what the guest's init covers with memory of its own
ROOT_KEEPS = "CAP_DAC_OVERRIDE"  # the host's root may use a run folder of another user
STEADY = ("setarch", "--addr-no-randomize")  # else the kernel makes up for random gaps with memory, 0 to 1 GB of it
BUBBLEWRAP_WITHIN_S = 20.0
"""A trial takes some 10 ms; a machine on which it takes longer than this is of no use."""


INITIAL_PID_NAMESPACE = 0xEFFFFFFC
"""``PROC_PID_INIT_INO`` of <linux/proc_ns.h>: the inode of the host's PID namespace, whatever the host."""
DECLARES = ("LAB_FENCE", "container")
"""Set in the environment of our image: it is made to be a sandbox. This alone is not trusted, see ``in_container``."""


class Sandbox(str, Enum):
    """The sandbox between a guest and the rest of the machine."""

    BUBBLEWRAP = "bubblewrap"
    CONTAINER = "the container"


@dataclass(frozen=True)
class Request:
    """The work of a guest, for its init.

    Attributes:
        entry: ``module:function``, called in init's own process.
        args: its arguments; anything JSON can say.
        writable: the run folder, writable at the same path as on the host.
        environment: all of the program's environment.
        path: where modules are searched, see ``lab.interpreter`` for the default.
        visible: folders beyond the lab's own that the guest must see, even where it has its own ``/tmp``; absolute.
    """

    entry: str
    writable: Path
    args: Sequence[object] = ()
    environment: dict[str, str] = field(default_factory=dict)
    path: tuple[str, ...] = field(default_factory=module_folders)
    visible: tuple[str, ...] = ()

    def write(self, control: Path) -> None:
        """Put this where the guest's init looks for it."""
        text = json.dumps(
            {
                "entry": self.entry,
                "args": list(self.args),
                "writable": str(self.writable),
                "environment": self.environment,
                "path": self.path,
                "visible": hidden((*self.path, sys.base_prefix, sys.prefix, str(INIT.parent), *self.visible)),
                "executable": sys.executable,
                "prefix": sys.prefix,
            }
        )
        (control / REQUEST_FILE).write_text(text)


def hidden(paths: Sequence[str]) -> list[str]:
    """Return the ``paths`` that the guest's own ``/tmp`` and the like would cover, outermost folders only."""
    covered = sorted({path for path in paths if path.startswith(tuple(f"{place}/" for place in HIDDEN))})
    return [path for path in covered if not any(path.startswith(f"{other}/") for other in covered)]


def command(
    *,
    kernel: Path,
    run_folder: Path,
    control: Path,
    name: str,
    start_ns: int,
    memory_mb: int = GUEST_MEMORY_MB,
    interpreter: Path | None = None,
    as_root: bool = False,
    sandbox: Sandbox = Sandbox.BUBBLEWRAP,
    parent: int = 0,
) -> list[str]:
    """Return the command line of one guest; a pure function of its arguments.

    Args:
        kernel: the program ``lab.worlds.kernel`` finds or builds.
        run_folder: the only place the guest can write; absolute.
        control: folder in it that holds the request.
        name: the guest's, unique on this machine.
        start_ns: where the guest's clock starts, nanoseconds of Unix time; certificates must be valid then.
        memory_mb: the guest's memory; the host's is used only as far as the guest touches it.
        interpreter: the Python that runs init, without a virtual environment; this process's by default.
        as_root: whether the host's root boots it.
        sandbox: what is around it.
        parent: the process it dies with; bubblewrap finds that out by itself.

    Raises:
        HostNotCapable: a path that a kernel command line cannot carry.
    """
    interpreter = interpreter or base_interpreter()
    for what, path in (("Python", interpreter), ("virtual-time kernel", kernel), ("lab", INIT)):
        if path.is_relative_to("/dev"):
            raise HostNotCapable(
                f"the {what} is at `{path}`, and a guest has a /dev of its own", fix="put it elsewhere"
            )
        if what != "lab" and not _is_one_word(str(path)):
            raise HostNotCapable(
                f"the {what} is at `{path}`, and a kernel's command line splits there",
                fix="put it in a folder without spaces, quotes and other signs in its name",
            )
    bubblewrap = [
        *_bubblewrap(as_root=as_root),
        *("--bind", str(run_folder), str(run_folder)),
        *("--chdir", "/"),
        *("--setenv", "TMPDIR", "/dev/shm"),  # noqa: S108
        *("--setenv", "HOME", "/dev/shm"),  # noqa: S108
        "--",
    ]
    guest = [
        str(kernel),
        f"mem={memory_mb}M",
        f"umid={name}",
        "root=/dev/root",
        "rootfstype=hostfs",
        "rootflags=/",
        "ro",
        "time-travel=inf-cpu",
        f"time-travel-start={start_ns}",
        "con=null",
        "con0=fd:0,fd:1",
        "quiet",
        f"init={interpreter}",
        "--",
        *("-I", "-S", "-B"),  # no user's settings, no site, no byte code: nothing is looked for that is not there
        *("-X", "utf8"),
        *("-c", RUN_INIT),
        os.fsencode(control).hex(),
        os.fsencode(INIT).hex(),
    ]
    if (length := len(" ".join(guest))) >= COMMAND_LINE_BYTES:
        raise HostNotCapable(
            f"the kernel's command line would have {length} bytes, at most {COMMAND_LINE_BYTES - 1} are possible",
            fix="use a run folder with a shorter path",
        )
    if sandbox is Sandbox.BUBBLEWRAP:
        return [*bubblewrap, *STEADY, *guest]
    # Docker's seccomp filter forbids setarch as well: some of the guest's memory is then lost to random gaps.
    # Docker's /dev/shm is small and forbids to execute what is in it, which a guest's memory is for.
    supervisor = [str(interpreter), "-I", "-S", "-B", str(SUPERVISOR), str(parent)]
    return [*supervisor, "env", f"TMPDIR={VOLATILE}", f"HOME={VOLATILE}", *guest]


def _bubblewrap(*, as_root: bool) -> list[str]:
    return [
        "bwrap",
        "--unshare-all",
        "--die-with-parent",
        *(("--cap-drop", "ALL", "--cap-add", ROOT_KEEPS) if as_root else ()),
        *("--ro-bind", "/", "/"),
        *("--dev", "/dev"),
        *("--proc", "/proc"),
        *("--tmpfs", "/dev/shm"),  # noqa: S108 - the guest's memory is a file there
    ]


def environment() -> dict[str, str]:
    """Return the environment of the guest's process on the host; the guest's programs have the request's."""
    return {"PATH": os.pathsep.join(program_folders()), "LC_ALL": "C"}


def base_interpreter() -> Path:
    """Return the Python interpreter of this process, outside any virtual environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))


def check_host() -> Sandbox:
    """Say what is missing for booting guests, building a kernel aside; return the sandbox they will have.

    Raises:
        HostNotCapable: there is no bubblewrap, or it cannot do its work and this is no container of ours.
    """
    if (refusal := _bubblewrap_refusal(os.environ.get("PATH", os.defpath))) is None:
        return Sandbox.BUBBLEWRAP
    if in_container():
        return Sandbox.CONTAINER
    raise refusal


def in_container() -> bool:
    """Return whether this is a container for the lab: the image says so, and the kernel does not contradict."""
    name, value = DECLARES
    return os.environ.get(name) == value and Path("/proc/self/ns/pid").stat().st_ino != INITIAL_PID_NAMESPACE


@cache
def _bubblewrap_refusal(path: str) -> HostNotCapable | None:
    """Try bubblewrap as guests need it; return why it cannot do its work, None if it can.

    Args:
        path: PATH, where it is looked for; tried once for each.
    """
    if shutil.which("bwrap", path=path) is None:
        return HostNotCapable("virtual time needs bubblewrap", fix="apt-get install bubblewrap")
    tried = [*_bubblewrap(as_root=os.geteuid() == 0), "--", *STEADY, "true"]
    try:
        done = subprocess.run(
            tried,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BUBBLEWRAP_WITHIN_S,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        said = f"nothing within {BUBBLEWRAP_WITHIN_S:g} s"
    except OSError as problem:
        said = str(problem.strerror)
    else:
        if done.returncode == 0:
            return None
        said = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    return HostNotCapable(
        f"virtual time needs a sandbox, which bubblewrap cannot make here ({said.removeprefix('bwrap: ')})",
        fix=namespaces_fix(),
    )


class Guest:
    """A booted guest, driven line by line: for tests and for ``lab doctor``; whole runs use ``lab.worlds.base``.

    Attributes:
        console: the last lines that were not JSON: the kernel's, a traceback.
        pid: the process id of the sandbox; everything of the guest dies with it.
    """

    def __init__(self, argv: list[str]) -> None:
        self._process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment(), bufsize=0
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._input, self._output = self._process.stdin, self._process.stdout
        self._received = bytearray()
        self.console: deque[str] = deque(maxlen=CONSOLE_LINES)
        self.pid = self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
        self._input.close()
        self._output.close()

    def send(self, message: object, *, within_s: float) -> None:
        """Write one JSON line, reading meanwhile what the guest says, so that neither waits for the other.

        Raises:
            LabFault: the guest did not take it in time.
        """
        left = memoryview(json.dumps(message).encode() + b"\n")
        deadline = time.monotonic() + within_s
        os.set_blocking(self._input.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._input, selectors.EVENT_WRITE)
            selector.register(self._output, selectors.EVENT_READ)
            while left:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise self._fault(f"the guest took no input for {within_s:g} s")
                for key, _ in ready:
                    if key.fileobj is self._input:
                        left = left[os.write(self._input.fileno(), left) :]
                    elif not self._receive():
                        raise self._fault("the guest ended")

    def receive(self, *, within_s: float) -> object:
        """Return the next JSON line; pass other lines to ``console``. None at the end of output.

        Raises:
            LabFault: nothing was said in time: the guest is frozen, for its clock stands still while anything computes.
        """
        deadline = time.monotonic() + within_s
        with selectors.DefaultSelector() as selector:
            selector.register(self._output, selectors.EVENT_READ)
            while True:
                while (end := self._received.find(b"\n")) >= 0:
                    line = self._received[:end].decode("utf-8", "replace")
                    del self._received[: end + 1]
                    try:
                        return json.loads(line)
                    except ValueError:
                        self.console.append(line.rstrip())
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise self._fault(f"the guest said nothing for {within_s:g} s of real time")
                if not self._receive():
                    if self._received:
                        self.console.append(self._received.decode("utf-8", "replace"))
                        self._received.clear()
                    return None

    def close_input(self) -> None:
        """End the guest's input; its console then hangs up and takes no more output."""
        self._input.close()

    def wait(self, *, within_s: float) -> int:
        """Wait until the guest has ended by itself; returns its exit status, 0 after powering off.

        Raises:
            LabFault: it did not end in time; it is killed then.
        """
        deadline = time.monotonic() + within_s
        while self.receive(within_s=max(0.0, deadline - time.monotonic())) is not None:
            pass
        return self._process.wait(max(0.1, deadline - time.monotonic()))

    def kill(self) -> None:
        """End the guest and everything in it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def _receive(self) -> bool:
        data = os.read(self._output.fileno(), 1 << 16)
        self._received += data
        return bool(data)

    def _fault(self, what: str) -> LabFault:
        self.kill()
        return LabFault(what, detail="\n".join(self.console))


def _is_one_word(text: str) -> bool:
    return text.isprintable() and not any(character.isspace() or character in "\"'\\=#" for character in text)
