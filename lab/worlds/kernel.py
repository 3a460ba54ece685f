"""Finds the virtual-time kernel in the user's cache, or builds it from Debian's kernel source.

A kernel is User-Mode Linux: the ordinary kernel as a program. Debian's own package lacks time travel, so the lab builds
one, once per machine. It lands in ``$XDG_CACHE_HOME/lab/kernels`` (``~/.cache/lab/kernels``) under a key made of
everything that decides what comes out: source, recipe (configuration, headers, patches) and compiler.

Invariant: a folder named by a key holds a complete kernel. Builds happen in ``building/``, under a lock, and are moved
into place at the end, when they are on the disk; what an interrupted build leaves there is removed by the next one and
by ``prune``. A kernel's digest stands beside it: one that is damaged is not used, and the next build replaces it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from lab.cache_folder import cache_folder
from lab.errors import HostNotCapable
from lab.machine_limits import machine_fault
from lab.worlds import kernel_build
from lab.worlds.kernel_build import Progress, Step

SOURCES = Path("/usr/src")  # where Debian's linux-source-* packages put their tarball
SOURCE_PACKAGE = "linux-source"  # the kernel of this Debian release: 6.1 in Debian 12, 6.12 in Debian 13
KEY_DIGITS = 16
PROGRAM, FACTS, DIGEST = "linux", "kernel.json", "linux.sha256"
"""In a kernel's folder; kernels that the first release built have no digest."""
_ELF = struct.Struct("<4s36xQ10xHH2x")  # of the ELF header (elf(5), 64 bit): magic, e_shoff, e_shentsize, e_shnum

Callback = Callable[[Progress], None]

__all__ = ["Kernel", "Progress", "Step", "build", "default_source", "find", "kernels_folder", "list_kernels", "prune"]


@dataclass(frozen=True)
class Kernel:
    """One kernel in the cache, as its ``kernel.json`` says.

    Attributes:
        key: folder name.
        path: the program.
        source: what it was built from.
        recipe: digest of the configuration and everything else of ours.
        compiler: first line of what the compiler says of itself.
        patches: names of the patches that fitted the source.
        compilations: how many files were compiled; the next build's expected total.
        seconds: how long the build took.
        built: Unix time.
    """

    key: str
    path: Path
    source: str
    recipe: str
    compiler: str
    patches: tuple[str, ...]
    compilations: int
    seconds: float
    built: float


def kernels_folder() -> Path:
    """Return the folder of all kernels; it may not exist yet."""
    return cache_folder() / "kernels"


def default_source() -> Path | None:
    """Return the newest kernel source installed by a Debian package; None without one."""
    tarballs = sorted(SOURCES.glob("linux-source-*.tar.xz"), key=_version)
    return tarballs[-1] if tarballs else None


def find(source: Path | None = None) -> Path | None:
    """Return the kernel that ``build`` would make, if it exists; else the newest of the same recipe. Never builds.

    Raises:
        HostNotCapable: the cache cannot be read, or there is a kernel that may not be executed.
    """
    recipe = kernel_build.recipe_digest()
    found = [kernel for kernel in list_kernels() if kernel.recipe == recipe]
    usable = [kernel for kernel in found if _may_execute(kernel.path)]
    if found and not usable:
        raise _not_executable(found[0].path)
    if len(usable) > 1 and (source := source or default_source()) and (compiler := kernel_build.compiler_version()):
        wanted = key(identify(source), recipe, compiler)  # asking the compiler takes time, so only to decide
        usable.sort(key=lambda kernel: kernel.key != wanted)
    return usable[0].path if usable else None


def build(source: Path | None = None, progress: Callback | None = None) -> Path:
    """Build the kernel unless it is there; returns the program. Needs no root.

    Args:
        source: a kernel source tarball, or an unpacked tree (copied, never changed); Debian's by default.
        progress: told of each step and, while compiling, of each file.

    Raises:
        HostNotCapable: not an x86-64 machine, or tools are missing, all of which are named at once; or the cache cannot
            be written.
        LabFault: the build failed; its log is kept.
    """
    report = progress or _silent
    source = source or default_source()
    _check_host(source)
    assert source is not None
    compiler = kernel_build.compiler_version()
    assert compiler is not None
    name = key(identify(source), kernel_build.recipe_digest(), compiler)
    with _usable_cache("written") as folder:
        folder.mkdir(parents=True, exist_ok=True)
        with kernel_build.lock(folder / "lock", lambda: report(Progress(Step.WAIT))) as held:
            kernel = _read(folder / name)
            if kernel is None:
                _discard(folder / name)
                kernel = _make(source, folder, name, compiler, report, held)
    if not _may_execute(kernel.path):
        with suppress(OSError):  # it is another user's
            kernel.path.chmod(0o755)
    if not _may_execute(kernel.path):
        raise _not_executable(kernel.path)
    return kernel.path


def _make(source: Path, folder: Path, name: str, compiler: str, report: Callback, lock: int) -> Kernel:
    work = folder / "building"
    _discard(work)  # what a killed build left
    try:
        made = kernel_build.make(
            source, work=work, keep_log=folder / f"{name}.log", expected=_expected(), progress=report, lock=lock
        )
        kernel = Kernel(
            key=name,
            path=folder / name / PROGRAM,
            source=identify(source),
            recipe=kernel_build.recipe_digest(),
            compiler=compiler,
            patches=made.patches,
            compilations=made.compilations,
            seconds=round(made.seconds, 1),
            built=made.ended,
        )
        _install(kernel, made.program, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return kernel


def list_kernels() -> list[Kernel]:
    """Return all whole kernels in the cache, newest first.

    Raises:
        HostNotCapable: the cache cannot be read.
    """
    with _usable_cache("read") as folder:
        kernels = [kernel for entry in folder.iterdir() if (kernel := _read(entry))] if folder.is_dir() else []
    return sorted(kernels, key=lambda kernel: kernel.built, reverse=True)


def prune() -> list[Path]:
    """Remove every kernel but the one ``find`` returns, old logs and what interrupted builds left; says what went.

    Waits for a build that is going on.
    """
    removed: list[Path] = []
    with _usable_cache("written") as folder:
        if not folder.is_dir():
            return removed
        with kernel_build.lock(folder / "lock", lambda: None):
            current = find()
            for entry in sorted(folder.iterdir()):
                if entry.name == "lock" or (current is not None and entry == current.parent):
                    continue
                _discard(entry)
                removed.append(entry)
    return removed


def key(source: str, recipe: str, compiler: str) -> str:
    """Return the name of a kernel in the cache: the same inputs, the same name."""
    text = json.dumps([source, recipe, compiler])
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def identify(source: Path) -> str:
    """Return an identity of a source without reading all of it.

    A tarball: name, size and modification time, which Debian sets when it makes the package. A tree: the version its
    ``Makefile`` names, and where it is; changes inside a tree go unnoticed, ``prune`` then helps.
    """
    status = source.stat()
    if source.is_dir():
        makefile = (source / "Makefile").read_bytes()
        return f"{source.resolve()} {hashlib.sha256(makefile).hexdigest()[:KEY_DIGITS]}"
    return f"{source.name} {status.st_size} {int(status.st_mtime)}"


def _check_host(source: Path | None) -> None:
    if platform.machine() != "x86_64" or platform.system() != "Linux":
        raise HostNotCapable(
            f"virtual time needs Linux on x86-64, this is {platform.system()} on {platform.machine()}",
            fix="use --clock real",
        )
    missing = kernel_build.missing_tools()
    if source is None:
        missing["the kernel's source"] = SOURCE_PACKAGE
    elif not source.exists():
        raise HostNotCapable(f"{source}: no such kernel source", fix=f"apt-get install {SOURCE_PACKAGE}")
    elif source.is_dir() and not (source / "arch/um/Kconfig").is_file():
        raise HostNotCapable(f"{source}: not a kernel source tree", fix="name a folder with arch/um, or a tarball")
    if missing:
        packages = " ".join(dict.fromkeys(missing.values()))
        raise HostNotCapable(
            f"building the virtual-time kernel needs {', '.join(missing)}", fix=f"apt-get install {packages}"
        )


@contextmanager
def _usable_cache(what: str) -> Iterator[Path]:
    """Yield the folder of all kernels; what cannot be done there is this machine's fault."""
    folder = kernels_folder()
    try:
        yield folder
    except OSError as problem:
        place = problem.filename or folder
        raise machine_fault(problem) or HostNotCapable(
            f"the cache of kernels cannot be {what}: {place}: {problem.strerror}",
            fix="make it yours (`chmod -R u+rwX`), or set XDG_CACHE_HOME to a folder of yours",
        ) from problem


def _install(kernel: Kernel, program: Path, folder: Path) -> None:
    """Move a finished kernel to its name in one step, so that nobody ever sees half of it, also after a crash."""
    ready = program.parent / "ready"
    ready.mkdir()
    program.rename(ready / PROGRAM)
    facts = {name: value for name, value in asdict(kernel).items() if name != "path"}
    (ready / FACTS).write_text(json.dumps(facts, indent=1) + "\n")
    (ready / DIGEST).write_text(f"{hashlib.sha256((ready / PROGRAM).read_bytes()).hexdigest()}  {PROGRAM}\n")
    for name in (PROGRAM, FACTS, DIGEST):
        _to_disk(ready / name)
    _to_disk(ready)
    ready.rename(folder / kernel.key)
    _to_disk(folder)


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    """Remove a file or folder, also one without the permissions that this takes."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _read(entry: Path) -> Kernel | None:
    try:
        facts = json.loads((entry / FACTS).read_text())
        facts["patches"] = tuple(facts["patches"])
        kernel = Kernel(path=entry / PROGRAM, **facts)
        return kernel if _is_whole(entry) else None
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not a kernel, or not one of this version's


def _is_whole(entry: Path) -> bool:
    program = entry / PROGRAM
    status = program.stat()
    try:
        written = (entry / DIGEST).read_text().split()[0]
    except FileNotFoundError:
        return _is_whole_program(program, status.st_size)
    except IndexError:
        return False
    return _digest(program, status.st_ino, status.st_size, status.st_mtime_ns) == written


@cache
def _digest(program: Path, *_: int) -> str:
    """Return a file's digest, read once for each inode, size and time of change."""
    return hashlib.sha256(program.read_bytes()).hexdigest()


def _is_whole_program(program: Path, size: int) -> bool:
    """Return whether a program ends where its header says: its section headers are the last thing in it."""
    with program.open("rb") as file:
        head = file.read(_ELF.size)
    if len(head) < _ELF.size:
        return False
    magic, offset, each, count = _ELF.unpack(head)
    return bool(magic == b"\x7fELF" and offset and size >= offset + each * count)


def _may_execute(program: Path) -> bool:
    return os.access(program, os.X_OK)


def _not_executable(program: Path) -> HostNotCapable:
    return HostNotCapable(
        f"the virtual-time kernel {program} may not be executed",
        fix=f"`chmod +x {program}`; if its file system is mounted noexec, set XDG_CACHE_HOME to a folder on another",
    )


def _expected() -> int:
    earlier = [kernel.compilations for kernel in list_kernels()]
    return earlier[0] if earlier else kernel_build.COMPILATIONS


def _version(tarball: Path) -> tuple[int, ...]:
    digits = tarball.name.removeprefix("linux-source-").removesuffix(".tar.xz").split(".")
    return tuple(int(part) for part in digits if part.isdigit())


def _silent(_: Progress) -> None:
    """Ignore the progress."""
