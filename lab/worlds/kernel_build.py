"""Builds the virtual-time kernel: unpack, edit, configure, compile, strip.

Only what the recipe needs is unpacked, headers are parsed once (``recipe/cc.sh``), and the optimiser is asked for
little: on two idle cores the whole takes well under three minutes. Nothing here knows of the cache; see
``lab.worlds.kernel``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path

from lab.errors import LabFault

HERE = Path(__file__).parent
CONFIGURATION = HERE / "kernel.config"
RECIPE = HERE / "recipe"
COMPILATIONS = 736  # files compiled with this configuration, counted on Linux 6.1.192; other versions differ a little
OPTIMISATION = "-O1"  # compiles a fifth faster than -Os; guests are no slower, they wait for the host
TAIL_LINES = 25

# Which Debian package has which program.
TOOLS = {
    "bc": "bc",
    "bison": "bison",
    "flex": "flex",
    "gcc": "gcc",
    "ld": "binutils",
    "make": "make",
    "patch": "patch",
    "setpriv": "util-linux",
    "strip": "binutils",
    "tar": "tar",
    "xz": "xz-utils",
}
LIBC_HEADER = Path("/usr/include/stdio.h")

BUILT_IN = frozenset({"CONFIG_NFT_OBJREF=y"})
"""Features that later kernels always have, so that their configuration no longer names them (nf_tables since 6.2)."""

UNUSED = RECIPE / "unused"  # patterns of what is not unpacked: 1.1 GB of 1.3; Kconfig and Makefile must be there
# What a tree may hold that an earlier build in it left.
BUILT = ("*.o", "*.a", "*.cmd", ".git", ".config", "include/config", "include/generated", "generated/asm")


class Step(str, Enum):
    """The step of a build."""

    WAIT = "waiting for another build"
    UNPACK = "unpack"
    CONFIGURE = "configure"
    COMPILE = "compile"
    STRIP = "strip"


@dataclass(frozen=True)
class Progress:
    """The progress of a build: ``done`` of ``total`` files while compiling; ``total`` is estimated."""

    step: Step
    done: int = 0
    total: int = 0


@dataclass(frozen=True)
class BuiltKernel:
    """The result of a build."""

    program: Path
    patches: tuple[str, ...]
    compilations: int
    seconds: float
    ended: float


def missing_tools() -> dict[str, str]:
    """Return the programs that a build needs and this machine lacks, each with its Debian package."""
    missing = {tool: package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if not LIBC_HEADER.exists():
        missing["the C library's headers"] = "libc6-dev"
    return missing


def compiler_version() -> str | None:
    """Return the compiler's version text; None without a compiler."""
    try:
        said = subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return said.stdout.splitlines()[0]


@cache
def recipe_digest() -> str:
    """Return a digest of all own files that decide what is built."""
    digest = hashlib.sha256()
    for path in (CONFIGURATION, *sorted(path for path in RECIPE.iterdir() if path.is_file())):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(OPTIMISATION.encode())
    return digest.hexdigest()[:16]


def unpack_command(source: Path, into: Path) -> list[str]:
    """Return the command that unpacks the needed part of ``source``, a tarball or a tree, into the folder ``into``."""
    excluded = [f"--exclude-from={UNUSED}"]
    if source.is_dir():
        excluded += [f"--exclude={pattern}" for pattern in BUILT]
        copy = 'from=$1 into=$2; shift 2; tar -C "$from" "$@" -cf - . | tar -C "$into" -xf -'
        return ["sh", "-c", copy, "sh", str(source), str(into), *excluded]
    unpacker = ["--use-compress-program=xz -dT0"] if source.suffix == ".xz" else []  # on all cores
    return ["tar", "-C", str(into), "--strip-components=1", *unpacker, *excluded, "-xf", str(source)]


def unmet(wanted: str, got: str) -> list[str]:
    """Return the features in ``wanted`` that the configuration ``got`` lacks: misspelt, or not available."""
    have = BUILT_IN | set(got.splitlines())
    return [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in have]


@contextmanager
def lock(path: Path, waiting: Callable[[], None]) -> Iterator[int]:
    """Hold the lock file ``path``, calling ``waiting`` once if someone else has it; yields its descriptor.

    A build's compilers inherit the descriptor, so the lock outlives a killed build until the last of them has ended.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def make(
    source: Path,
    *,
    work: Path,
    keep_log: Path,
    expected: int,
    progress: Callable[[Progress], None],
    lock: int,
) -> BuiltKernel:
    """Build a kernel from ``source`` in the new folder ``work``.

    Raises:
        LabFault: a step failed; ``keep_log`` then holds everything that was said.
    """
    began = time.monotonic()
    tree, headers = work / "source", work / "headers"
    tree.mkdir(parents=True)
    shutil.copytree(RECIPE, headers)
    run = _Runner(tree, log=work / "log", keep_log=keep_log, lock=lock, headers=headers)

    progress(Progress(Step.UNPACK))
    run(Step.UNPACK, unpack_command(source, tree))
    patches = tuple(patch.stem for patch in sorted(RECIPE.glob("*.patch")) if run.patch(patch))

    progress(Progress(Step.CONFIGURE))
    wanted = CONFIGURATION.read_text()
    (tree / ".config").write_text(wanted)
    run(Step.CONFIGURE, [*run.make, "olddefconfig"])
    if lacking := unmet(wanted, (tree / ".config").read_text()):
        raise LabFault(
            "configuring the virtual-time kernel", detail=f"{source.name} does not offer {', '.join(lacking)}"
        )

    compiled = 0

    def count(line: str) -> None:
        nonlocal compiled
        if line.startswith("  CC "):
            compiled += 1
            progress(Progress(Step.COMPILE, compiled, max(expected, compiled)))

    jobs = len(os.sched_getaffinity(0))
    progress(Progress(Step.COMPILE, 0, expected))
    run(Step.COMPILE, [*run.make, f"KCFLAGS={OPTIMISATION}", f"-j{jobs}", "linux"], on_line=count)

    progress(Progress(Step.STRIP))
    program = work / "linux"
    run(Step.STRIP, ["strip", "-o", str(program), str(tree / "linux")])
    keep_log.unlink(missing_ok=True)
    return BuiltKernel(program, patches, compiled, time.monotonic() - began, time.time())


class _Runner:
    """Runs the commands of one build, with one log; nothing it starts outlives it or this process."""

    def __init__(self, tree: Path, *, log: Path, keep_log: Path, lock: int, headers: Path) -> None:
        self._tree, self._log, self._keep_log, self._lock = tree, log, keep_log, lock
        compiler = headers / "cc.sh"
        compiler.chmod(0o755)
        self.make = ["make", "ARCH=um", f"CC={compiler}"]
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "LAB_CC": "gcc",
            "LAB_HEADERS": str(headers),
            "LAB_SOURCE": str(tree),
        }

    def patch(self, patch: Path) -> bool:
        """Change the source as ``patch`` says if it fits; says whether it did."""
        command = ["patch", "-p1", "--force", "--silent", "--dry-run", "-i", str(patch)]
        if subprocess.run(command, cwd=self._tree, stdout=subprocess.DEVNULL, check=False).returncode != 0:
            return False
        command.remove("--dry-run")
        self(Step.UNPACK, command)
        return True

    def __call__(self, step: Step, command: list[str], *, on_line: Callable[[str], None] | None = None) -> None:
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        with (
            self._log.open("a") as log,
            subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *command],
                cwd=self._tree,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
                pass_fds=(self._lock,),
            ) as process,
        ):
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    log.write(line)
                    tail.append(line.rstrip())
                    if on_line:
                        on_line(line)
                status = process.wait()
            except BaseException:
                os.killpg(process.pid, signal.SIGKILL)
                raise
        if status != 0:
            shutil.copyfile(self._log, self._keep_log)
            said = "\n".join(tail)
            raise LabFault(
                f"building the virtual-time kernel ({step.value})",
                detail=f"status {status}; everything is in {self._keep_log}, which ends:\n{said}",
            )
