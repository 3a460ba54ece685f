"""Entries on the disk: written whole, found out when damaged, the least recently used removed first."""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.engine.cache import store
from lab.engine.cache.pack import packed, unpack
from lab.engine.cache.store import RECORDS, Store
from lab.errors import HostNotCapable

SOURCES, OTHERS = "0" * 16, "1" * 16
KEYS = [f"{number:064x}" for number in range(5)]


def opened(root: Path, sources: str = SOURCES) -> Store:
    """The entries of these sources."""
    return Store(root, RECORDS, sources)


def file_of(root: Path, key: str) -> Path:
    """The file of an entry."""
    return root / RECORDS / SOURCES / key


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """By its key, and by the sources that it depends on."""
    opened(tmp_path).write(KEYS[0], b"one\ntwo")
    assert opened(tmp_path).read(KEYS[0]) == b"one\ntwo"
    assert opened(tmp_path).read(KEYS[1]) is None
    assert opened(tmp_path, OTHERS).read(KEYS[0]) is None
    opened(tmp_path).write(KEYS[0], b"three")
    assert opened(tmp_path).read(KEYS[0]) == b"three"
    assert [each.name for each in (tmp_path / RECORDS / SOURCES).iterdir()] == [KEYS[0]]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-1],
    "empty": lambda data: b"",
    "another byte": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "longer": lambda data: data + b"x",
    "no digest": lambda data: data.partition(b"\n")[2],
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_removed(tmp_path: Path, damage: str) -> None:
    """As if it had never been there."""
    entries = opened(tmp_path)
    entries.write(KEYS[0], b"one")
    file = file_of(tmp_path, KEYS[0])
    file.write_bytes(DAMAGES[damage](file.read_bytes()))
    assert entries.read(KEYS[0]) is None
    assert not file.exists()


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    """Stops nobody; what was in the way is told once."""
    (tmp_path / RECORDS).write_text("a file")
    entries = opened(tmp_path)
    assert entries.problem == ""
    entries.write(KEYS[0], b"one")
    entries.write(KEYS[1], b"two")
    assert "Not a directory" in entries.problem
    assert entries.read(KEYS[0]) is None
    assert store.entries(tmp_path) == []


def fill(root: Path) -> None:
    """Write five entries of 65 + 35 bytes; the first was used last, then the last, …, the second."""
    entries = opened(root)
    for number, key in enumerate(KEYS):
        entries.write(key, b"x" * 35)
        os.utime(file_of(root, key), (number, number))
    assert entries.read(KEYS[0]) is not None


def test_the_least_recently_used_go_first(tmp_path: Path) -> None:
    """A little more than must be, so that not each run has to."""
    fill(tmp_path)
    assert store.trim(tmp_path, 500) == []
    removed = store.trim(tmp_path, 499)
    assert [each.path.name for each in removed] == KEYS[1:2]
    assert [each.path.name for each in store.entries(tmp_path)] == [*KEYS[2:], KEYS[0]]
    assert [each.path.name for each in store.trim(tmp_path, 230)] == KEYS[2:4]


def test_how_many_are_beyond_a_size(tmp_path: Path) -> None:
    """As `lab cache prune --to` removes them: exactly."""
    fill(tmp_path)
    found = store.entries(tmp_path)
    assert [each.path.name for each in store.oldest_beyond(found, 300)] == KEYS[1:3]
    assert store.oldest_beyond(found, 500) == []
    assert len(store.oldest_beyond(found, 0)) == 5


def test_what_is_no_entry_stays(tmp_path: Path) -> None:
    """Files of somebody else in a folder that was named by mistake; unfinished entries of runs that go on."""
    fill(tmp_path)
    others = [
        tmp_path / "letter.txt",
        tmp_path / RECORDS / "2026" / "tax.ods",
        tmp_path / RECORDS / SOURCES / "notes.txt",
        tmp_path / RECORDS / SOURCES / f".{KEYS[0]}-1{store.UNFINISHED}",
        tmp_path / RECORDS / SOURCES / "deeper" / KEYS[0],
    ]
    for each in others:
        each.parent.mkdir(exist_ok=True)
        each.write_text("mine")
    assert len(store.remove(store.entries(tmp_path))) == 5
    store.trim(tmp_path, 0)
    assert all(each.exists() for each in others)


def test_what_a_killed_run_has_left_is_removed(tmp_path: Path) -> None:
    """An entry that nobody writes any more."""
    fill(tmp_path)
    left = tmp_path / RECORDS / SOURCES / f".{KEYS[0]}-1{store.UNFINISHED}"
    left.write_text("half")
    old = time.time() - store.STALE_AFTER_S - 1
    os.utime(left, (old, old))
    store.trim(tmp_path)
    assert not left.exists()
    assert len(store.entries(tmp_path)) == 5


def test_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default in the user's cache; `LAB_CACHE` names another one, or none."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for value, place in (("", tmp_path / "lab" / "cells"), ("off", None), (str(tmp_path / "x"), tmp_path / "x")):
        monkeypatch.setenv("LAB_CACHE", value)
        assert store.place() == place
    monkeypatch.setenv("LAB_CACHE", "x")
    with pytest.raises(HostNotCapable, match=r"LAB_CACHE is `x`.*absolute"):
        store.place()


# Folders as bytes


def test_a_folder_comes_back(tmp_path: Path) -> None:
    """All regular files but those that are left out; not what a link leads to."""
    one, two = tmp_path / "one", tmp_path / "two"
    for name, content in (("a", b"1"), ("b/c", b"\n\x00"), ("b/own", b"kept"), ("own", b"not kept"), ("empty", b"")):
        (one / name).parent.mkdir(parents=True, exist_ok=True)
        (one / name).write_bytes(content)
    (one / "link").symlink_to("/etc/hostname")
    os.mkfifo(one / "fifo")
    data = packed(one, without=["own"], more={"more": b"more"})
    assert data is not None
    two.mkdir()
    unpack(data, two)
    found = {path.relative_to(two).as_posix(): path.read_bytes() for path in two.rglob("*") if path.is_file()}
    assert found == {"a": b"1", "b/c": b"\n\x00", "b/own": b"kept", "empty": b"", "more": b"more"}


def test_a_folder_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is not kept."""
    monkeypatch.setattr("lab.engine.cache.pack.LARGEST", 2)
    (tmp_path / "a").write_bytes(b"12")
    assert packed(tmp_path, without=(), more={}) is not None
    (tmp_path / "b").write_bytes(b"3")
    assert packed(tmp_path, without=(), more={}) is None


def head(*files: tuple[str, int]) -> bytes:
    """A packed folder, in which each file has as many bytes as it says."""
    return zlib.compress(json.dumps(files).encode() + b"\n" + b"x" * sum(size for _, size in files))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        head(("../up", 1)),
        head(("/tmp/absolute", 1)),
        head(("a/../../up", 1)),
        head(("", 1)),
        head(("a", 1))[:-2],
        zlib.compress(b"[]\nmore"),
        zlib.compress(b'[["a", 2]]\nx'),
        zlib.compress(b"{}"),
        zlib.compress(b"[1]\n"),
    ],
)
def test_what_is_no_packed_folder(tmp_path: Path, data: bytes) -> None:
    """Writes nothing, least of all outside of the folder."""
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ValueError, match=r".+"):
        unpack(data, folder)
    assert list(tmp_path.rglob("*")) == [folder]
