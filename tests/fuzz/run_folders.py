"""Damages the folder of a run: files cut off, lost, of another shape or kind, and links that lead elsewhere.

The run was kept from a real one (``run.tar.xz``): two cells over TLS, one fails, one passes, and a twin of the second.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.json_values import mutated

Way = Callable[[Path, random.Random], None]
KEPT = Path(__file__).with_name("run.tar.xz")
SECRET = "not of this run\n"


def unpack(folder: Path) -> Path:
    """Unpack the kept run below a folder; return its own."""
    with tarfile.open(KEPT) as archive:
        archive.extraction_filter = lambda member, _: member  # the lab's own; Python 3.12 wants to be told
        archive.extractall(folder)
    return folder / "kept"


def files(run: Path) -> list[Path]:
    """Return the files of a run that its reports are made of: none behind a link, however the run was damaged."""
    real = run.parent.resolve() / run.name
    return sorted(path for path in run.rglob("*") if path.is_file() and path.resolve() == real / path.relative_to(run))


def outside(path: Path) -> Path:
    """Return a folder outside the run, with a file: what damaged links lead to, which nobody may read or change."""
    run = next(parent for parent in path.parents if parent.name == "kept")
    folder = run.parent / "outside"
    folder.mkdir(exist_ok=True)
    (folder / "secret").write_text(SECRET, encoding="utf-8")
    return folder


def damage(run: Path, chance: random.Random) -> str:
    """Damage one or two files of a run; return what was done."""
    done = []
    for _ in range(chance.choice((1, 1, 1, 2))):
        there = files(run)
        if not there:
            break
        path = chance.choice(there)
        how = chance.choice(WAYS)
        how(path, chance)
        done.append(f"{how.__name__} {path.relative_to(run)}")
    return ", ".join(done)


def lost(path: Path, _: random.Random) -> None:
    path.unlink()


def folder_lost(path: Path, _: random.Random) -> None:
    shutil.rmtree(path.parent)


def emptied(path: Path, _: random.Random) -> None:
    path.write_bytes(b"")


def cut_off(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: chance.randrange(len(data) or 1)])


def garbled(path: Path, chance: random.Random) -> None:
    data = bytearray(path.read_bytes() or b"x")
    for _ in range(chance.choice((1, 3, 50))):
        data[chance.randrange(len(data))] = chance.randrange(256)
    path.write_bytes(bytes(data))


def lines_changed(path: Path, chance: random.Random) -> None:
    lines = path.read_bytes().splitlines(keepends=True) or [b""]
    at, length = chance.randrange(len(lines)), chance.choice((1, 1, 5, 50))
    match chance.randrange(4):
        case 0:
            del lines[at : at + length]
        case 1:
            lines[at:at] = lines[at : at + length]
        case 2:
            lines[at] = lines[at][: chance.randrange(len(lines[at]) or 1)] + b"\n"
        case _:
            chance.shuffle(lines)
    path.write_bytes(b"".join(lines))


def values_changed(path: Path, chance: random.Random) -> None:
    """Change values of JSON: of the whole file, or of one of its lines."""
    lines = path.read_bytes().split(b"\n")
    at = chance.randrange(len(lines))
    for first, last in ((0, len(lines)), (at, at + 1)):
        try:
            value: Any = json.loads(b"\n".join(lines[first:last]))
        except ValueError:
            continue
        if isinstance(value, dict):
            lines[first:last] = [json.dumps(mutated(value, chance)).encode()]
            break
    path.write_bytes(b"\n".join(lines))


def other_version(path: Path, chance: random.Random) -> None:
    data = path.read_bytes()
    for known in (b'"format": 1', b'"format": 2', b'"version":2'):
        data = data.replace(known, known[:-1] + chance.choice((b"0", b"1", b"3", b"null", b'"x"')))
    path.write_bytes(data)


def fifo(path: Path, _: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def folder_instead(path: Path, _: random.Random) -> None:
    path.unlink()
    path.mkdir()


def device_instead(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def link_out(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to(outside(path) / "secret")


def link_loop(path: Path, _: random.Random) -> None:
    path.unlink()
    path.symlink_to(path)


def folder_linked_out(path: Path, _: random.Random) -> None:
    there = outside(path)
    shutil.rmtree(path.parent)
    path.parent.symlink_to(there)


def sparse(path: Path, _: random.Random) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 40)


def report_in_the_way(path: Path, chance: random.Random) -> None:
    """Put something where a report is to be written."""
    run = next(parent for parent in path.parents if parent.name == "kept")
    report = run / chance.choice(("report.html", "report.json", "report.md", "junit.xml", "report.csv"))
    if report.exists() or report.is_symlink():
        return
    match chance.randrange(3):
        case 0:
            report.mkdir()
        case 1:
            os.mkfifo(report)
        case _:
            report.symlink_to(run / "run.json")


WAYS: tuple[Way, ...] = (
    *(lost, folder_lost, emptied, cut_off, garbled, lines_changed, values_changed, values_changed, other_version),
    *(fifo, folder_instead, device_instead, link_out, link_loop, folder_linked_out, sparse, report_in_the_way),
)
