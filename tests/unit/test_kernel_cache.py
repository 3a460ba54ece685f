"""Which kernel is used, and what is refused before a build begins."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import HostNotCapable, LabFault
from lab.worlds import kernel, kernel_build


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lab" / "kernels"


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    """A file that stands for a kernel source."""
    path = tmp_path / "linux-source-6.1.tar.xz"
    path.write_bytes(b"not really")
    os.utime(path, (1_000_000, 1_000_000))
    return path


def _plant(cache: Path, key: str, *, recipe: str | None = None, built: float = 1.0) -> Path:
    folder = cache / key
    folder.mkdir(parents=True)
    program = folder / "linux"
    program.write_text("#!/bin/true\n")
    program.chmod(0o755)
    (folder / kernel.DIGEST).write_text(f"{hashlib.sha256(program.read_bytes()).hexdigest()}  linux\n")
    facts = {
        "key": key,
        "source": "linux-source-6.1.tar.xz",
        "recipe": recipe or kernel_build.recipe_digest(),
        "compiler": "gcc 12",
        "patches": ["fault-around"],
        "compilations": 700,
        "seconds": 100.0,
        "built": built,
    }
    (folder / "kernel.json").write_text(json.dumps(facts))
    return program


def test_every_input_of_a_build_is_in_its_key() -> None:
    """The same inputs give the same key; another source, recipe or compiler gives another."""
    keys = {kernel.key(*inputs) for inputs in (("s", "r", "c"), ("x", "r", "c"), ("s", "x", "c"), ("s", "r", "x"))}
    assert len(keys) == 4
    assert kernel.key("s", "r", "c") in keys
    assert all(re.fullmatch("[0-9a-f]{16}", key) for key in keys)


def test_a_tarball_is_known_by_name_size_and_time(tarball: Path) -> None:
    """Identifying a source does not read it, and notices another one of the same name."""
    before = kernel.identify(tarball)
    assert before == "linux-source-6.1.tar.xz 10 1000000"
    os.utime(tarball, (2_000_000, 2_000_000))
    assert kernel.identify(tarball) != before


def test_find_prefers_the_very_kernel(cache: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel that source and compiler at hand would give comes first, then the newest of the same recipe."""
    monkeypatch.setattr(kernel_build, "compiler_version", lambda: "gcc 12")
    assert kernel.find(tarball) is None
    other = _plant(cache, "0123456789abcdef", built=9.0)
    assert kernel.find(tarball) == other
    program = _plant(cache, kernel.key(kernel.identify(tarball), kernel_build.recipe_digest(), "gcc 12"))
    assert kernel.find(tarball) == program


def test_find_without_a_compiler_takes_the_newest_of_the_recipe(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache brought along to a machine that cannot build is used."""
    monkeypatch.setattr(kernel_build, "compiler_version", lambda: None)
    assert kernel.find() is None
    _plant(cache, "a" * 16, built=1.0)
    newest = _plant(cache, "b" * 16, built=3.0)
    _plant(cache, "c" * 16, built=4.0, recipe="another")
    assert kernel.find() == newest


def test_half_a_kernel_is_none(cache: Path) -> None:
    """A folder without facts, with unreadable ones or without a program does not count."""
    (cache / "building").mkdir(parents=True)
    _plant(cache, "a" * 16).unlink()
    (_plant(cache, "b" * 16).parent / "kernel.json").write_text("{")
    whole = _plant(cache, "c" * 16)
    assert [found.path for found in kernel.list_kernels()] == [whole]


def test_prune_keeps_what_is_used(cache: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other kernels, logs and the remains of interrupted builds go; the current kernel stays."""
    monkeypatch.setattr(kernel_build, "compiler_version", lambda: "gcc 12")
    monkeypatch.setattr(kernel, "default_source", lambda: tarball)
    current = _plant(cache, kernel.key(kernel.identify(tarball), kernel_build.recipe_digest(), "gcc 12"))
    _plant(cache, "a" * 16)
    (cache / "building" / "source").mkdir(parents=True)
    (cache / "a.log").write_text("failed")
    assert {path.name for path in kernel.prune()} == {"a" * 16, "building", "a.log"}
    assert kernel.find() == current
    assert kernel.prune() == []


def test_all_missing_tools_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error has every missing tool, the source included, and one command that mends it."""
    monkeypatch.setattr(kernel_build, "missing_tools", lambda: {"flex": "flex", "ld": "binutils", "strip": "binutils"})
    monkeypatch.setattr(kernel, "default_source", lambda: None)
    with pytest.raises(HostNotCapable) as refusal:
        kernel.build()
    assert refusal.value.missing.endswith("needs flex, ld, strip, the kernel's source")
    assert refusal.value.fix == "apt-get install flex binutils linux-source"


def test_other_machines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """User-Mode Linux is for x86-64."""
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    with pytest.raises(HostNotCapable, match="aarch64"):
        kernel.build()


def test_a_source_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that is not there, or not a kernel's, is refused by name."""
    monkeypatch.setattr(kernel_build, "missing_tools", dict)
    with pytest.raises(HostNotCapable, match="no such kernel source"):
        kernel.build(tmp_path / "nowhere")
    with pytest.raises(HostNotCapable, match="not a kernel source tree"):
        kernel.build(tmp_path)


def test_a_failed_build_keeps_its_log_and_nothing_else(cache: Path, tarball: Path) -> None:
    """The error ends with what was said last; the log stays; the next build starts clean."""
    if lacking := kernel_build.missing_tools():
        pytest.skip(f"needs {', '.join(lacking)}")
    for _ in range(2):
        with pytest.raises(LabFault, match="unpack") as fault:
            kernel.build(tarball)
        assert "status" in fault.value.detail
        assert len(list(cache.glob("*.log"))) == 1
        assert kernel.list_kernels() == []


def test_the_lock_says_when_it_has_to_wait(tmp_path: Path) -> None:
    """A second holder is told that it waits; a free lock is taken silently."""
    waited: list[bool] = []
    path = tmp_path / "lock"
    with kernel_build.lock(path, lambda: waited.append(True)) as held:
        assert waited == []

        def waiting() -> None:
            waited.append(True)
            fcntl.flock(held, fcntl.LOCK_UN)  # or we would wait for ourselves

        with kernel_build.lock(path, waiting):
            assert waited == [True]


def test_an_interrupted_build_leaves_nothing(cache: Path, tarball: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Ctrl-C nor what a killed build left before it stays in the cache."""

    def interrupted(_: Path, *, work: Path, **__: object) -> None:
        assert not work.exists()
        (work / "source").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr(kernel_build, "missing_tools", dict)
    monkeypatch.setattr(kernel_build, "make", interrupted)
    (cache / "building" / "source").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt):
        kernel.build(tarball)
    assert [path.name for path in cache.iterdir()] == ["lock"]


NEW = b"a new kernel"


def _made(_: Path, *, work: Path, **__: object) -> kernel_build.BuiltKernel:
    work.mkdir()
    (work / "linux").write_bytes(NEW)
    (work / "linux").chmod(0o755)
    return kernel_build.BuiltKernel(work / "linux", (), 700, 1.0, 2.0)


@pytest.fixture
def buildable(tarball: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A machine on which a build succeeds at once; the key of what it makes."""
    monkeypatch.setattr(kernel_build, "missing_tools", dict)
    monkeypatch.setattr(kernel_build, "compiler_version", lambda: "gcc 12")
    monkeypatch.setattr(kernel_build, "make", _made)
    return kernel.key(kernel.identify(tarball), kernel_build.recipe_digest(), "gcc 12")


@pytest.mark.parametrize("content", [b"", b"#!/bin/tr", b"#!/bin/true\0"], ids=["empty", "cut off", "changed"])
def test_a_damaged_kernel_is_not_used_and_is_built_anew(
    cache: Path, tarball: Path, buildable: str, content: bytes
) -> None:
    """`lab run` finds none, and `lab kernel build` does not say that all is well."""
    program = _plant(cache, buildable)
    assert kernel.build(tarball) == kernel.find() == program
    program.write_bytes(content)
    assert kernel.find() is None
    assert kernel.build(tarball) == kernel.find() == program
    assert program.read_bytes() == NEW


def test_a_kernel_without_a_digest_must_be_whole(cache: Path) -> None:
    """The first release wrote none; a program that ends before its last section has been cut off."""
    program = _plant(cache, "a" * 16)
    (program.parent / kernel.DIGEST).unlink()
    whole = Path("/bin/true").read_bytes()
    program.write_bytes(whole)
    assert kernel.find() == program
    for cut in (whole[:-1], whole[:100], whole[:10], b""):
        program.write_bytes(cut)
        assert kernel.find() is None


@pytest.mark.parametrize("empty", [kernel.DIGEST, kernel.FACTS])
def test_a_kernel_whose_papers_are_empty_is_none(cache: Path, empty: str) -> None:
    (_plant(cache, "a" * 16).parent / empty).write_text("")
    assert kernel.find() is None


def test_a_folder_without_permissions_is_replaced(cache: Path, tarball: Path, buildable: str) -> None:
    """So what `lab run` advises, `lab kernel build`, helps."""
    program = _plant(cache, buildable)
    program.write_bytes(b"")
    program.parent.chmod(0)
    assert kernel.build(tarball) == program
    assert program.read_bytes() == NEW


def test_a_kernel_that_lost_its_permission_gets_it_back(cache: Path, tarball: Path, buildable: str) -> None:
    program = _plant(cache, buildable)
    program.chmod(0o644)
    with pytest.raises(HostNotCapable, match=r"may not be executed; `chmod \+x"):
        kernel.find()
    assert kernel.build(tarball) == kernel.find() == program


def test_a_file_system_that_forbids_to_execute(
    cache: Path, tarball: Path, buildable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building another one there would not help, and is not advised."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    _plant(cache, buildable)
    for attempt in (kernel.find, lambda: kernel.build(tarball)):
        with pytest.raises(HostNotCapable, match="noexec"):
            attempt()


@pytest.mark.parametrize("attempt", [kernel.list_kernels, kernel.find, kernel.prune])
def test_a_cache_that_cannot_be_read(
    cache: Path, attempt: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine's fault, and what is in the way is named."""
    cache.mkdir(parents=True)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refuse)
    with pytest.raises(HostNotCapable, match=r"lab/kernels: Permission denied.*XDG_CACHE_HOME"):
        attempt()


def test_a_cache_that_is_a_file(tmp_path: Path, tarball: Path, buildable: str) -> None:
    (tmp_path / "cache").write_text("")
    assert kernel.find() is None
    with pytest.raises(HostNotCapable, match="cannot be written"):
        kernel.build(tarball)
